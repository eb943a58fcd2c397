; Primes below 65536 by the sieve of Eratosthenes, a byte each; COUNT times. Gives their number.
    mov ebp, COUNT
    mov esi, BUFFER
again:
    mov ecx, 65536 - 4
wipe:
    mov dword [esi + ecx], 0
    sub ecx, 4
    jns wipe
    xor eax, eax
    mov ebx, 2
candidate:
    cmp byte [esi + ebx], 0
    jnz composite
    inc eax
    mov edx, ebx
    imul edx, ebx
    jmp bound
strike:
    mov byte [esi + edx], 1
    add edx, ebx
bound:
    cmp ebx, 256
    jae composite
    cmp edx, 65536
    jb strike
composite:
    inc ebx
    cmp ebx, 65536
    jb candidate
    dec ebp
    jnz again
    ret

; CRC-32, bit by bit, of 4096 bytes of a linear congruential sequence; COUNT times.
    mov eax, 12345
    xor ecx, ecx
seed:
    imul eax, eax, 1103515245
    add eax, 12345
    mov edx, eax
    shr edx, 16
    mov [BUFFER + ecx], dl
    inc ecx
    cmp ecx, 4096
    jne seed
    mov ebp, COUNT
again:
    or eax, -1
    xor esi, esi
next:
    movzx ebx, byte [BUFFER + esi]
    xor eax, ebx
    mov ecx, 8
bit:
    shr eax, 1
    jnc zero
    xor eax, 0xEDB88320
zero:
    dec ecx
    jnz bit
    inc esi
    cmp esi, 4096
    jne next
    dec ebp
    jnz again
    not eax
    ret

; Copies 1 MiB by doublewords under paging; COUNT times. Gives the last one.
    mov eax, 1
    xor ecx, ecx
seed:
    mov [BUFFER + ecx * 4], eax
    add eax, 0x9E3779B9
    inc ecx
    cmp ecx, 262144
    jne seed
    mov ebp, COUNT
again:
    mov esi, BUFFER
    mov edi, COPY
    mov ecx, 262144
word32:
    mov eax, [esi]
    add esi, 4
    mov [edi], eax
    add edi, 4
    dec ecx
    jnz word32
    dec ebp
    jnz again
    ret

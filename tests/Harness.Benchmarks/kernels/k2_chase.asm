; Follows a cycle through 16384 nodes of 64 bytes under paging; COUNT times. Gives the sum of their addresses.
    xor ecx, ecx
node:
    imul eax, ecx, 5309
    add eax, 8121
    and eax, 16383
    shl eax, 6
    add eax, BUFFER
    mov edx, ecx
    shl edx, 6
    mov [BUFFER + edx], eax
    inc ecx
    cmp ecx, 16384
    jne node
    xor eax, eax
    mov ebp, COUNT
again:
    mov edx, BUFFER
    mov ecx, 16384
step:
    mov edx, [edx]
    add eax, edx
    dec ecx
    jnz step
    dec ebp
    jnz again
    ret

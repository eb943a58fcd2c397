; Ring 3: INT 80h, ring 0 returns; COUNT times.
    mov ecx, COUNT
again:
    int 0x80
    dec ecx
    jnz again
    mov eax, 0x600D180
    ret

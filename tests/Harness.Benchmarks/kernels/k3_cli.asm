; Ring 3: CLI raises #GP, ring 0 skips it and returns; COUNT times.
    mov ecx, COUNT
again:
    cli
    dec ecx
    jnz again
    mov eax, 0x600DC11
    ret

; Boots from the first sector, enters 32-bit protected mode (with RING3: leaves for ring 3; with PAGING: identity paging of 16 MiB), calls the kernel,
; prints the eight hex digits of its EAX on port E9h and ends the run on ports F4h and 8900h.
; nasm -f bin -dKERNEL='"k1_crc.asm"' -dCOUNT=n [-dPAGING] [-dRING3]
%define BUFFER      0x200000
%define COPY        0x340000
%define IDT_AT      0x1000
%define TSS_AT      0x2000
%define DIRECTORY   0x10000
%define TABLES      0x11000
%define STACK0      0x70000
%define STACK3      0x60000
%define SECTORS     8

    bits 16
    org 0x7C00
    jmp 0:load
load:
    xor bx, bx
    mov ds, bx
    mov es, bx
    mov ss, bx
    mov sp, 0x7C00
    mov bx, 0x7E00
    xor dh, dh                  ; head 0 of the drive that DL names
    mov cx, 2
    mov ax, 0x0200 | SECTORS
    int 0x13
    jc $
    cli
    mov al, 2                   ; A20
    out 0x92, al
    lgdt [table]
    mov eax, 0x11
    mov cr0, eax
    jmp dword 8:enter

    align 8
segments:
    dq 0
    dq 0x00CF9B000000FFFF       ; 08: code, ring 0
    dq 0x00CF93000000FFFF       ; 10: data, ring 0
    dq 0x00CFFB000000FFFF       ; 18: code, ring 3
    dq 0x00CFF3000000FFFF       ; 20: data, ring 3
    dw 0x67, TSS_AT             ; 28: task state
    db 0, 0x89, 0, 0
table:
    dw $ - segments - 1
    dd segments
    times 510 - ($ - $$) db 0
    dw 0xAA55

    bits 32
enter:
    mov edx, 0x10
    mov ds, edx
    mov es, edx
    mov ss, edx
    mov esp, STACK0
    cld
    xor eax, eax
    mov edi, IDT_AT
    mov ecx, 0x800
    rep stosd                   ; the task state too
    mov ebx, 13
    mov eax, skip
    call gate
    mov ebx, 0x80
    mov eax, return
    call gate
    mov ebx, 0x81
    mov eax, finish
    call gate
    lidt [interrupts]
    mov dword [TSS_AT + 4], STACK0
    mov dword [TSS_AT + 8], 0x10
    mov dword [TSS_AT + 0x64], 0x680000
    mov eax, 0x28
    ltr ax
%ifdef PAGING
    mov eax, 7
    mov edi, TABLES
fill:
    mov [edi], eax
    add edi, 4
    add eax, 0x1000
    cmp eax, 0x1000007
    jne fill
    mov eax, TABLES + 7
    mov edi, DIRECTORY
    mov ecx, 4
point:
    mov [edi], eax
    add edi, 4
    add eax, 0x1000
    loop point
    mov eax, DIRECTORY
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
%endif
%ifdef RING3
    push 0x23
    push STACK3
    push 2
    push 0x1B
    push user
    mov eax, 0x23
    mov ds, eax
    mov es, eax
    iretd
user:
    call kernel
    int 0x81
%else
    call kernel
%endif
finish:
    mov edi, 8
    mov ebx, eax
digit:
    rol ebx, 4
    mov eax, ebx
    and eax, 15
    mov al, [ss:digits + eax]
    out 0xE9, al
    dec edi
    jnz digit
    mov al, 10
    out 0xE9, al
    mov al, 0
    out 0xF4, al
    mov edx, 0x8900
    mov esi, farewell
    mov ecx, 8
    cs rep outsb
    hlt
gate:                           ; vector EBX leads to EAX, from any ring
    lea edi, [IDT_AT + ebx * 8]
    mov [edi], ax
    mov word [edi + 2], 8
    mov word [edi + 4], 0xEE00
    shr eax, 16
    mov [edi + 6], ax
    ret
skip:                           ; #GP of a one-byte instruction
    add esp, 4
    inc dword [esp]
return:
    iretd
digits:
    db "0123456789ABCDEF"
farewell:
    db "Shutdown"
interrupts:
    dw 0x7FF
    dd IDT_AT

    align 16
kernel:
%include KERNEL
    times (1 + SECTORS) * 512 - ($ - $$) db 0

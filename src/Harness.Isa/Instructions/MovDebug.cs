namespace Harness.Isa.Instructions;

/// <summary>MOV to and from debug registers (SDM Vol. 3B, 17.2): #UD for DR4 and DR5 under CR4.DE, #DB under DR7.GD.</summary>
[Encodings(Code.Mov_r32_dr, Code.Mov_dr_r32)]
[Instruction(Privilege.Supervisor)]
public readonly struct MovDebug : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        bool read = instruction.Code == Code.Mov_r32_dr;
        int number = (read ? instruction.Op1Register : instruction.Op0Register) - Register.DR0;
        int general = Operand.Number(read ? instruction.Op0Register : instruction.Op1Register);
        if (number > 7 || (number is 4 or 5 && (port.System.Cr4 & Cr4.DE) != 0))
        {
            return port.Fault(Vector.UD);
        }

        if (port.IsGuest && port.Intercepted(InterceptKind.DebugRegister, Intercepts.Register(number, general, read), port.Gpr(general)))
        {
            return false;
        }

        if ((port.System.Dr7 & DebugBits.GD) != 0)
        {
            return port.Fault(Vector.DB, DebugBits.BD);
        }

        if (read)
        {
            port.Gpr(general) = Cell(ref port, number);
            return true;
        }

        uint value = port.Gpr(general);
        Cell(ref port, number) = number switch
        {
            4 or 6 => (value & Dr6Writable) | DebugBits.Dr6Fixed,
            5 or 7 => (value & Dr7Writable) | DebugBits.Dr7Fixed,
            _ => value,
        };
        return true;
    }

    private const uint Dr6Writable = 0x0000E00F;
    private const uint Dr7Writable = 0xFFFF23FF;

    /// <summary>Without CR4.DE, DR4 and DR5 are other names of DR6 and DR7.</summary>
    private static ref uint Cell<TPort>(ref TPort port, int number) where TPort : struct, IPort
    {
        switch (number)
        {
            case 0:
                return ref port.ChangeSystem().Dr0;
            case 1:
                return ref port.ChangeSystem().Dr1;
            case 2:
                return ref port.ChangeSystem().Dr2;
            case 3:
                return ref port.ChangeSystem().Dr3;
            case 4 or 6:
                return ref port.ChangeSystem().Dr6;
            default:
                return ref port.ChangeSystem().Dr7;
        }
    }
}

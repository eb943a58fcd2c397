namespace Harness.Isa.Instructions;

/// <summary>MOV to and from control registers.</summary>
[Encodings(Code.Mov_r32_cr, Code.Mov_cr_r32)]
[Instruction(Privilege.Supervisor)]
public readonly struct MovControl : ISystem
{
    public static bool Execute<TPort>(ref TPort port, in Instruction instruction) where TPort : struct, IPort
    {
        bool write = instruction.Code == Code.Mov_cr_r32;
        int control = (write ? instruction.Op0Register : instruction.Op1Register) - Register.CR0;
        int general = Operand.Number(write ? instruction.Op1Register : instruction.Op0Register);
        if (control is not (0 or 2 or 3 or 4) || (control == 4 && !port.Has(Feature.Cr4)))
        {
            return port.Fault(Vector.UD);
        }

        uint qualifier = Intercepts.Register(control, general);
        if (!write)
        {
            if (port.IsGuest && port.Intercepted(InterceptKind.ControlRead, qualifier))
            {
                return false;
            }

            port.Gpr(general) = port.ReadControl(control);
            return true;
        }

        uint value = port.Gpr(general);
        if (port.IsGuest && port.Intercepted(InterceptKind.ControlWrite, qualifier, value))
        {
            return false;
        }

        switch (control)
        {
            case 0:
                return ControlWrite.SetCr0(ref port, value);
            case 2:
                port.ChangeSystem().Cr2 = value;
                return true;
            case 3:
                return ControlWrite.SetCr3(ref port, value);
            default:
                return ControlWrite.SetCr4(ref port, value);
        }
    }
}

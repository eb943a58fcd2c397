namespace Harness.Engines.Paravirt;

/// <summary>The kernel's IRETD.</summary>
internal sealed partial class ParavirtMonitor
{
    /// <summary>A frame on the kernel's stack becomes the guest's state, or a fault says at the call that it cannot. Not null: the run is over.</summary>
    private GuestEnd? InterruptReturn()
    {
        if ((_frame.Eflags & Eflags.NT) != 0)
        {
            StopReason = "the kernel executes IRETD with NT set, a return to another task, for which there is no hypercall";
            return GuestEnd.Unsupported;
        }

        Span<uint> image = stackalloc uint[6];
        uint at = _descriptors.BaseOf(_frame.Ss) + _frame.Esp;
        for (int i = 0; i < image.Length; i++)
        {
            // A return to the kernel takes neither ESP nor SS.
            uint address = at + (uint)i * 4;
            if ((i < 4 || Selector.Rpl((ushort)image[2]) == 3) && !_pages.TryRead(address, out image[i]))
            {
                if (i == 0)
                {
                    _frame[0] = unchecked((uint)HypercallResult.BadPointer);
                    return null;
                }

                _shared.Cr2 = _pages.TryRead(address, stackalloc byte[1]) ? (address + 3) & ~PageOffset : address;
                return FaultAtCall(Vector.PF, 0, image[0]);
            }
        }

        if ((image[3] & Eflags.VM) != 0)
        {
            StopReason = "the kernel returns to virtual-8086 mode, for which there is no hypercall";
            return GuestEnd.Unsupported;
        }

        bool toUser = Selector.Rpl((ushort)image[2]) == 3;
        if (_descriptors.FaultOfReturn((ushort)image[2], toUser ? (ushort)image[5] : null, image[1]) is var (fault, code))
        {
            return FaultAtCall(fault, code, image[0]);
        }

        _frame[0] = image[0];
        _frame.Eip = image[1];
        _frame.Cs = toUser ? (ushort)image[2] : OfKernel((ushort)image[2]);
        _frame.Esp = toUser ? image[4] : _frame.Esp + 16;
        _frame.Ss = toUser ? (ushort)image[5] : _frame.Ss;
        _frame.Eflags = RealOf(image[3]);
        _iopl = image[3] & Eflags.IOPL;
        _shared.IsMasked = (image[3] & Eflags.IF) == 0;
        _handlesNmi = false;
        if (toUser)
        {
            _traps.LeadDirectly((image[3] & (Eflags.IF | Eflags.IOPL)) == Eflags.IF);
        }

        return null;
    }

    /// <summary>The fault of the IRETD that the call stands for, with EAX and ESP as they were before it.</summary>
    private GuestEnd? FaultAtCall(Vector fault, uint code, uint eax)
    {
        _frame[0] = eax;
        _frame.Eip -= ParavirtInterface.InterruptReturnBytes;
        _frame.Esp += 4;
        _frame.Eflags |= Eflags.RF;
        return Reflect((byte)fault, EventKind.Fault, code, "exception");
    }
}

namespace Harness.Vmm;

/// <summary>Loads of the real CR3, for whoever counts them.</summary>
internal sealed partial class Host
{
    private Action<string, bool>? _cr3Loaded;
    private uint _lastCr3;

    /// <summary>Has a listener told of each load of CR3 from now on: by what, and whether the value is another than before.</summary>
    public void CountCr3Loads(Action<string, bool> listener)
    {
        _cr3Loaded = listener;
        _lastCr3 = Cr3;
        if (Processor.Intercepts is { } virtualization)
        {
            virtualization.Events = new EntryListener(this);
        }
    }

    private void LoadPageDirectory(uint value)
    {
        if (!Processor.TryLoadPageDirectory(value, out Fault fault))
        {
            throw new InvalidOperationException($"The monitor's CR3 {value:X8} raised {fault.Vector}({fault.ErrorCode:X4}).");
        }
    }

    private void NoteCr3Load(string cause)
    {
        _cr3Loaded?.Invoke(cause, Cr3 != _lastCr3);
        _lastCr3 = Cr3;
    }

    /// <summary>VM entries load CR3 from the guest-state area (SDM Vol. 3C, 26.3.2.1). That an exit has loaded the host's is seen when the monitor has control again.</summary>
    private sealed class EntryListener(Host host) : IVirtualizationEvents
    {
        public void Entry(uint guestEip, uint injection) => host.NoteCr3Load("VM entry");

        public void Exit(string name, uint reason, ulong qualification, uint guestEip, int guestCpl)
        {
        }

        public void Instruction(string name, int failure)
        {
        }
    }
}

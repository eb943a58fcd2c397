using System.Globalization;

using Iced.Intel;

namespace Harness.Vmm;

/// <summary>What the recorder sees of the emulator's processor, whose state is the guest's and whose memory is guest-physical.</summary>
internal class ProcessorTap(EffectRecorder recorder, Processor processor) : IExecutionObserver
{
    protected EffectRecorder Recorder => recorder;

    protected Processor Processor => processor;

    public virtual void Retired(in Instruction instruction) => EndStep(new LinearAddress(processor.StepCodeBase + instruction.IP32), instruction);

    public virtual void Stored(PhysicalAddress address, int size, ulong value)
    {
        recorder.NoteEmulatedStore(address, size, value);
        if (recorder.RamAddress(address) is { } at)
        {
            recorder.NoteExplicitStore(at, size, value);
        }
    }

    public virtual void StoredImplicitly(PhysicalAddress address, int size, ulong value) => recorder.NoteEmulatedStore(address, size, value);

    public void PortAccess(ushort port, int size, uint value, bool write) => recorder.NotePort(new PortEffect(port, size, value, write));

    protected void EndStep(LinearAddress address, in Instruction instruction) => recorder.EndStep(Registers(), processor.Ticks, address, instruction, IsDirect);

    protected virtual bool IsDirect => false;

    protected virtual GuestRegisters Registers() => GuestRegisters.Of(processor);
}

/// <summary>
/// What the recorder sees of the host's processor: instructions that run directly, in host-physical memory of which only a part is the guest's. What they change
/// outside of it breaks resource control.
/// </summary>
internal sealed class HostTap(EffectRecorder recorder, GuestMachine machine) : ProcessorTap(recorder, machine.Host.Processor)
{
    private ulong? _outside;

    /// <summary>The first violation of resource control, in words.</summary>
    public string? Violation { get; private set; }

    public override void Retired(in Instruction instruction)
    {
        var executed = new LinearAddress(Processor.StepCodeBase + instruction.IP32);
        CodeSource source = Recorder.SourceOf(executed) ?? new CodeSource(executed, instruction.IP32, instruction);
        if (instruction.Mnemonic is Mnemonic.Int or Mnemonic.Int1 or Mnemonic.Int3 or Mnemonic.Into && Processor.State.Cpl == 0 && !Processor.IsGuest)
        {
            // A gate that the monitor has opened leads to its own stack; INT1 asks no gate for its DPL.
            _outside = null;
        }

        if (Violation is null)
        {
            string? change = _outside is { } address
                ? string.Create(CultureInfo.InvariantCulture, $"host memory {address:X8} was written")
                : machine.Host.ChangedControl();
            if (change is not null)
            {
                Violation = string.Create(
                    CultureInfo.InvariantCulture, $"{change} by '{source.Instruction}' at {source.Address}, tick {Processor.Ticks}");
            }
        }

        _outside = null;
        if (Processor.State.Cpl != 0)
        {
            // Through a gate that does not lead to the monitor.
            machine.Host.NoteGuest();
        }

        if (Processor.StepMark == 0)
        {
            // What the monitor put in the place of an instruction is its own affair.
            Recorder.Harm.Retired(instruction, source.Address);
        }

        EndStep(source.Address, source.Instruction);
    }

    public override void Stored(PhysicalAddress address, int size, ulong value)
    {
        if (StoredInGuest(address, size, value) is { } at)
        {
            Recorder.NoteExplicitStore(at, size, value);
        }
        else if (!machine.Host.IsTrapping && Processor.StepMark == 0)
        {
            _outside ??= address.Value;
        }
    }

    // The accessed bits of the monitor's own descriptors.
    public override void StoredImplicitly(PhysicalAddress address, int size, ulong value) => StoredInGuest(address, size, value);

    protected override bool IsDirect => true;

    protected override GuestRegisters Registers() => Recorder.Translated(Processor);

    private long? StoredInGuest(PhysicalAddress address, int size, ulong value)
    {
        long? at = machine.RamAddress(new HostPhysicalAddress(address.Value));
        if (at is { } ram)
        {
            Recorder.NoteStore(ram, size, value);
        }

        return at;
    }
}

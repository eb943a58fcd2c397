using Iced.Intel;

namespace Harness.Vmm;

/// <summary>What the programs of a run did in ring 3, each for itself: a program is told by its CR3, and its steps count without the time between them.</summary>
internal sealed class ProgramEffects
{
    private readonly SortedDictionary<uint, EffectLog> _logs = [];
    private readonly SortedSet<long> _pages = [];

    /// <summary>CR3 of every program that took a step, ascending.</summary>
    public IEnumerable<uint> Programs => _logs.Keys;

    /// <summary>Offsets of pages in the guest's RAM that programs have written, ascending.</summary>
    public IEnumerable<long> Pages => _pages;

    public EffectLog Of(uint program) => _logs.GetValueOrDefault(program) ?? new EffectLog();

    /// <summary>
    /// An instruction of ring 3 that stays there. A far return is the kernel's or looks like it; what needs IOPL or a port may be carried out by the monitor, and
    /// is compared as a device's output and by the instructions that use what it gave.
    /// </summary>
    public static bool IsProgramStep(in GuestRegisters after, in Instruction instruction) =>
        after.Cpl == 3 && instruction.Length != 0
        && instruction.Mnemonic is not (Mnemonic.Iret or Mnemonic.Iretd or Mnemonic.Retf or Mnemonic.Sysexit or Mnemonic.In or Mnemonic.Out or Mnemonic.Cli or Mnemonic.Sti
            or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd);

    public EffectLog Add(uint program, ulong step, ulong address, IEnumerable<MemoryEffect> stores)
    {
        if (!_logs.TryGetValue(program, out EffectLog? log))
        {
            _logs[program] = log = new EffectLog();
        }

        log.Add(step, address);
        foreach (MemoryEffect store in stores)
        {
            _pages.Add((long)store.Address.Value / Ram.PageSize * Ram.PageSize);
        }

        return log;
    }
}

using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// Of a local APIC at FEE00000h the task-priority register alone (SDM Vol. 3A, 10.8.3.1), for software that writes it at each change of interrupt priority.
/// Everything else in the page reads as zero and ignores writes. It masks nothing: interrupts come from the 8259A, which no task priority holds back.
/// </summary>
internal sealed class TaskPriority : Device, IMemoryDevice
{
    private const ulong PageStart = 0xFEE00000;
    private const ulong PageLength = 0x1000;
    private const ulong Register = 0x80;
    private readonly Platform _platform;
    private byte _priority;

    public TaskPriority(Platform platform) : base("taskPriority") => _platform = platform;

    public ulong Read(ulong offset, int size) => offset == Register ? _priority : 0u;

    public void Write(ulong offset, int size, ulong value) => _priority = offset == Register ? (byte)value : _priority;

    public override void Reset()
    {
        _priority = 0;
        _platform.Memory.MapDevice(PageStart, PageLength, this, MapSide.Both);
    }

    public override void Visit(IStateVisitor visitor) => visitor.Value("priority", ref _priority);
}

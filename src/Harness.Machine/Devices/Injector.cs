using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>Carries out the <see cref="PlatformOptions.Injections"/> when their ticks come. A reset of the machine does not undo or repeat them.</summary>
internal sealed class Injector : Device
{
    private readonly Platform _platform;
    private readonly Injection[] _injections;
    private int _done;

    public Injector(Platform platform) : base("injector")
    {
        _platform = platform;
        _injections = [.. platform.Options.Injections.OrderBy(i => i.Tick)];
    }

    /// <summary>One of those that are left is an NMI.</summary>
    public bool NmiComes => _injections.Skip(_done).Any(i => i is Injection.OfNmi);

    public override void Expire()
    {
        switch (_injections[_done++])
        {
            case Injection.OfInterrupt interrupt:
                _platform.SetIrq(interrupt.Line, false);
                _platform.SetIrq(interrupt.Line, true);
                break;
            case Injection.OfBitFlip flip:
                _platform.FlipBit(flip.Address, flip.Bit);
                break;
            case Injection.OfPageOut page:
                _platform.PageOut(page.Address);
                break;
            default:
                _platform.RaiseNmi();
                break;
        }

        FindDeadline();
    }

    public override void Reset() => FindDeadline();

    public override void Visit(IStateVisitor visitor) => visitor.Value("done", ref _done);

    private void FindDeadline() => Deadline = _done < _injections.Length ? _injections[_done].Tick : long.MaxValue;
}

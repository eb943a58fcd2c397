using Harness.Machine.State;

namespace Harness.Machine.Devices;

/// <summary>
/// A device by which a host asks a guest for memory (ballooning; Waldspurger, OSDI 2002, 3.2). The host sets how many pages it wants; the guest's driver takes pages from its own
/// kernel's allocator and gives their numbers. What a page held is lost as it is given: it reads as zeros until the guest takes it back and writes to it. The device
/// keeps which pages it was given, so a wrong number changes nothing.
/// </summary>
/// <remarks>
/// Doublewords at <see cref="Base"/>: +0 (read) how many pages the host wants, which ends the interrupt on line <see cref="Line"/>; +4 (read) how many it has;
/// +8 (write) the number of a page that is given; +12 (write) the number of one that is taken back; +0 (write) nothing. +8 (read): what became of the last
/// number, a <see cref="BalloonResult"/>.
/// </remarks>
internal sealed class Balloon : Device, IPortDevice
{
    /// <summary>First of 16 ports.</summary>
    public const ushort Base = 0x580;

    /// <summary>Of the interrupt controllers; asserted from a change of the target until the driver reads it.</summary>
    public const int Line = 11;

    private const int Target = 0;
    private const int Held = 4;
    private const int Give = 8;
    private const int TakeBack = 12;
    private readonly Platform _platform;
    private readonly BalloonTarget[] _targets;
    private readonly SortedSet<uint> _given = [];
    private int _next;
    private uint _target;
    private uint _result;

    public Balloon(Platform platform) : base("balloon")
    {
        _platform = platform;
        _targets = [.. platform.Options.BalloonTargets.OrderBy(t => t.Tick)];
        platform.Ports.Map(Base, 16, 4, this);
    }

    /// <summary>Pages that the guest has given, in ascending order.</summary>
    public IReadOnlyCollection<uint> Given => _given;

    /// <summary>The host wants so many pages from now on.</summary>
    public void SetTarget(uint pages)
    {
        if (pages != _target)
        {
            _target = pages;
            _platform.SetIrq(Line, true);
        }
    }

    public uint In(ushort port, int size)
    {
        switch (port - Base)
        {
            case Target:
                _platform.SetIrq(Line, false);
                return _target;
            case Held:
                return (uint)_given.Count;
            case Give:
                return _result;
            default:
                return 0;
        }
    }

    public void Out(ushort port, int size, uint value)
    {
        _result = (port - Base) switch
        {
            Give => (uint)Inflate(value),
            TakeBack => (uint)Deflate(value),
            _ => _result,
        };
    }

    public override void Expire()
    {
        SetTarget((uint)_targets[_next++].Pages);
        FindDeadline();
    }

    /// <summary>A reset gives every page back.</summary>
    public override void Reset()
    {
        foreach (uint page in _given)
        {
            _platform.PageMoved(page, false);
        }

        _given.Clear();
        _target = 0;
        _result = 0;
        FindDeadline();
    }

    public override void Visit(IStateVisitor visitor)
    {
        byte[] given = new byte[_given.Count * sizeof(uint)];
        int at = 0;
        foreach (uint page in _given)
        {
            BitConverter.TryWriteBytes(given.AsSpan(at++ * sizeof(uint)), page);
        }

        visitor.Bytes("given", ref given);
        visitor.Value("next", ref _next);
        visitor.Value("target", ref _target);
        visitor.Value("result", ref _result);
        _given.Clear();
        for (at = 0; at + sizeof(uint) <= given.Length; at += sizeof(uint))
        {
            _given.Add(BitConverter.ToUInt32(given, at));
        }
    }

    private BalloonResult Inflate(uint page)
    {
        if (_given.Contains(page))
        {
            return BalloonResult.GivenAlready;
        }

        if (!_platform.PageMoved(page, true))
        {
            return BalloonResult.NotMemory;
        }

        _given.Add(page);
        return BalloonResult.Done;
    }

    private BalloonResult Deflate(uint page)
    {
        if (!_given.Contains(page))
        {
            return BalloonResult.NotGiven;
        }

        _given.Remove(page);
        _platform.PageMoved(page, false);
        return BalloonResult.Done;
    }

    private void FindDeadline() => Deadline = _next < _targets.Length ? _targets[_next].Tick : long.MaxValue;
}

/// <summary>What became of a page number that a guest wrote to its balloon device.</summary>
public enum BalloonResult
{
    Done,

    /// <summary>The number is not one of a page of the guest's RAM.</summary>
    NotMemory,

    /// <summary>The page has been given already.</summary>
    GivenAlready,

    /// <summary>The page was to be taken back, and was never given.</summary>
    NotGiven,
}

/// <summary>So many pages are wanted from a guest from a tick of its clock on.</summary>
public readonly record struct BalloonTarget(long Tick, int Pages);

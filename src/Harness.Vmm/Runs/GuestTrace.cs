using System.Globalization;
using System.Text;

namespace Harness.Vmm;

/// <summary>One line of a trace: an instruction with its effects, or an event.</summary>
/// <param name="Tick">Guest tick, after the instruction or at the event.</param>
/// <param name="Text">Without a line end.</param>
public readonly record struct TraceLine(long Tick, string Text);

/// <summary>What a guest does instruction by instruction, with the events of its engine in between.</summary>
public static class GuestTrace
{
    /// <summary>Runs the guest and shows the ticks of a range, both ends included, in ascending order; the run ends with the range.</summary>
    public static void Write(RunRequest request, long from, long to, Action<TraceLine> show)
    {
        GuestRegisters? before = null;
        TraceLine? held = null;
        void Release()
        {
            if (held is { } line)
            {
                show(line);
                held = null;
            }
        }

        void Step(GuestStep step)
        {
            Release();
            if (step.Tick >= from)
            {
                held = new TraceLine(step.Tick, Describe(request.Guest, step, before));
            }

            before = step.Registers;
        }

        // A monitor that emulates an instruction records its event afterwards: the instruction waits for the events that came before it.
        void Event(EngineEvent e)
        {
            if (held is { } line && e.Tick >= line.Tick)
            {
                Release();
            }

            if (e.Tick >= from && e.Tick <= to)
            {
                show(new TraceLine(e.Tick, Describe(request.Guest, e)));
            }
        }

        // One tick more in front, so that the first line shows what its instruction changed.
        GuestRunner.Run(request, new StepFilter(new StepWindow(1, long.MaxValue), from - 1, to, Step), Event);
        Release();
    }

    /// <summary>The tick of an event, counted from 1 among those that match; null if there are not so many.</summary>
    public static long? FindEvent(RunRequest request, Func<EngineEvent, bool> matches, int occurrence)
    {
        long? tick = null;
        GuestRunner.Run(request with { RecordEffects = false }, null, e =>
        {
            if (matches(e) && --occurrence == 0)
            {
                tick = e.Tick;
            }
        });
        return tick;
    }

    private static string Describe(GuestImage guest, GuestStep step, GuestRegisters? before)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{step.Tick,10}  {step.Address}  {step.Instruction,-32}");
        string place = guest.Locate(step.Address);
        if (place != step.Address.ToString())
        {
            text.Append(CultureInfo.InvariantCulture, $" <{place}>");
        }

        foreach (GuestRegister register in GuestRegister.All)
        {
            uint value = register.Read(step.Registers);
            if (register.Name != "eip" && before is { } old && register.Read(old) != value)
            {
                text.Append(CultureInfo.InvariantCulture, $" {register.Name}={value:X}");
            }
        }

        foreach (MemoryEffect store in step.Memory)
        {
            text.Append(CultureInfo.InvariantCulture, $" [{store.Address}]={store.Value:X2}");
        }

        foreach (PortEffect port in step.Ports)
        {
            text.Append(CultureInfo.InvariantCulture, $" {(port.Write ? "out" : "in")} {port.Port:X4}={port.Value:X}");
        }

        return text.ToString().TrimEnd();
    }

    private static string Describe(GuestImage guest, EngineEvent e)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{e.Tick,10}  {(e.Level == 0 ? "guest" : $"level {e.Level}")} {e.Kind} {e.Cause}");
        foreach (string part in new[] { e.Reason, e.Instruction, e.Detail })
        {
            if (!string.IsNullOrEmpty(part))
            {
                text.Append(' ').Append(part);
            }
        }

        return text.Append(CultureInfo.InvariantCulture, $" cpl {e.Cpl} at {guest.Locate(e.Address)}").ToString();
    }
}

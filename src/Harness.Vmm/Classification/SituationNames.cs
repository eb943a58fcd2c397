namespace Harness.Vmm.Classification;

/// <summary>The names under which modes, sides and axes are printed and asked for.</summary>
public static class SituationNames
{
    private static readonly (Axis Axis, string Name)[] Axes =
    [
        (Axis.Memory, "memory"), (Axis.Segments, "segments"), (Axis.Tables, "tables"), (Axis.ControlRegisters, "control registers"),
        (Axis.InterruptFlag, "interrupt flag"), (Axis.Time, "time"), (Axis.Platform, "platform"),
    ];

    private static readonly (GuestMode Mode, string Name)[] ModeNames = [(GuestMode.Real, "real"), (GuestMode.Protected, "protected"), (GuestMode.Virtual8086, "v86")];

    /// <summary>The names of the modes.</summary>
    public static IReadOnlyList<string> Modes { get; } = [.. ModeNames.Select(m => m.Name)];

    /// <summary><c>real</c>, <c>protected</c> or <c>v86</c>.</summary>
    public static string Of(GuestMode mode) => Array.Find(ModeNames, m => m.Mode == mode).Name;

    /// <summary><c>supervisor</c> or <c>user</c>.</summary>
    public static string Of(Side side) => side == Side.User ? "user" : "supervisor";

    /// <summary>In lower case; of every axis but <see cref="Axis.None"/>.</summary>
    public static string Of(Axis axis) => Array.Find(Axes, a => a.Axis == axis).Name;

    /// <summary>The side and what is elsewhere: <c>supervisor</c>, <c>user</c>, <c>user+tables</c>.</summary>
    public static string Place(Situation situation) =>
        situation.Axis == Axis.None ? Of(situation.Side) : $"{Of(situation.Side)}+{Of(situation.Axis)}";

    /// <summary>Reads the name of a mode.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static GuestMode Mode(string name)
    {
        int index = Array.FindIndex(ModeNames, m => m.Name == name);
        return index >= 0 ? ModeNames[index].Mode
            : name == "long" ? throw new FormatException($"mode 'long': no processor model has long mode yet; expected one of {string.Join(", ", Modes)}")
            : throw new FormatException($"expected one of the modes {string.Join(", ", Modes)}; found '{name}'");
    }

    /// <summary>Reads the name of a configuration that makes a difference on the model.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static MonitorConfiguration Configuration(ProcessorModel model, string name)
    {
        MonitorConfiguration[] known = [.. MonitorConfiguration.Of(model), .. MonitorConfiguration.WithProtection(model)];
        return known.FirstOrDefault(c => c.Name == name)
            ?? throw new FormatException($"expected one of the configurations {string.Join(", ", known.Select(c => c.Name))} of {model.Name}; found '{name}'");
    }

    /// <summary>Reads what <see cref="Place"/> wrote.</summary>
    /// <exception cref="FormatException">The side or the axis is none.</exception>
    public static Situation Parse(GuestMode mode, MonitorConfiguration configuration, string place)
    {
        string[] parts = place.Split('+');
        int axis = parts.Length < 2 ? -1 : Array.FindIndex(Axes, a => a.Name == parts[1]);
        bool known = parts[0] is "supervisor" or "user" && parts.Length <= 2 && (axis >= 0 || parts.Length == 1);
        return known
            ? new Situation(mode, parts[0] == "user" ? Side.User : Side.Supervisor, configuration, axis < 0 ? Axis.None : Axes[axis].Axis)
            : throw new FormatException(
                $"situation: expected supervisor or user, with + and one of {string.Join(", ", Axes.Select(a => a.Name))} where something is elsewhere; found '{place}'");
    }
}

using System.Text.Json;

namespace Harness.Vmm;

/// <summary>One figure: what an event costs, where it is published, or that it is an assumption.</summary>
/// <param name="Kind">Events it applies to.</param>
/// <param name="Cause">Empty: every cause that has no line of its own.</param>
/// <param name="Reason">Empty: every reason that has no line of its own.</param>
/// <param name="Cycles">Of one event, there and back.</param>
/// <param name="Source">Paper and table, or the reasoning behind an assumption.</param>
/// <param name="IsAssumption">Nobody published it.</param>
public sealed record CostFigure(EngineEventKind Kind, string Cause, string Reason, long Cycles, string Source, bool IsAssumption);

/// <summary>What the processor itself takes, beyond a cycle for the instruction, where no monitor steps in.</summary>
/// <param name="Cause">Exception ("#PF") or interrupt ("vector 32") with its return, "port" for an access to one; empty: whatever has no line of its own.</param>
/// <param name="Cycles">Each time.</param>
/// <param name="Source">As for <see cref="CostFigure"/>.</param>
/// <param name="IsAssumption">Nobody published it.</param>
public sealed record NativeFigure(string Cause, long Cycles, string Source, bool IsAssumption);

/// <summary>What events cost on a processor of some year; a data file with a source for every figure.</summary>
public sealed class CostProfile
{
    private readonly Dictionary<(EngineEventKind, string, string), CostFigure> _figures = [];

    private CostProfile(string name, string description, IReadOnlyList<CostFigure> figures, IReadOnlyList<NativeFigure> native)
    {
        Name = name;
        Description = description;
        Figures = figures;
        Native = native;
        foreach (CostFigure figure in figures)
        {
            _figures.Add((figure.Kind, figure.Cause, figure.Reason), figure);
        }
    }

    public string Name { get; }

    public string Description { get; }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<CostFigure> Figures { get; }

    /// <summary>In the order of the file; no figure: it takes nothing more by this profile.</summary>
    public IReadOnlyList<NativeFigure> Native { get; }

    /// <summary>The figure for what the processor does by itself, or null.</summary>
    public NativeFigure? NativeFor(string cause) => Native.FirstOrDefault(f => f.Cause == cause) ?? Native.FirstOrDefault(f => f.Cause.Length == 0);

    /// <summary>The figure for an event, or null: it costs nothing by this profile.</summary>
    public CostFigure? FigureFor(in EngineEvent e)
    {
        EngineEventKind kind = e.CostsAs ?? e.Kind;
        return _figures.TryGetValue((kind, e.Cause, e.Reason ?? ""), out CostFigure? exact) || _figures.TryGetValue((kind, e.Cause, ""), out exact)
            ? exact
            : _figures.GetValueOrDefault((kind, "", ""));
    }

    public long CostOf(in EngineEvent e) => FigureFor(e)?.Cycles ?? 0;

    /// <summary>The profiles that come with the harness, in ordinal order.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. typeof(CostProfile).Assembly.GetManifestResourceNames()
            .Where(n => n.StartsWith("costs/", StringComparison.Ordinal))
            .Select(n => n["costs/".Length..^".json".Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <exception cref="ModelException">There is no such profile.</exception>
    public static CostProfile Load(string name)
    {
        using Stream? stream = typeof(CostProfile).Assembly.GetManifestResourceStream($"costs/{name}.json");
        return stream is null ? throw new ModelException($"There is no cost profile '{name}'; known are {string.Join(", ", Names)}.") : Read(stream, $"{name}.json");
    }

    /// <summary>Reads a profile; <paramref name="source"/> names it in errors.</summary>
    /// <exception cref="ModelException">The file is not a cost profile.</exception>
    public static CostProfile Read(Stream stream, string source)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(stream);
            JsonElement root = document.RootElement;
            return new CostProfile(
                root.GetProperty("name").GetString()!,
                root.GetProperty("description").GetString()!,
                [
                    .. root.GetProperty("figures").EnumerateArray().Select(f => new CostFigure(
                        Enum.Parse<EngineEventKind>(f.GetProperty("kind").GetString()!),
                        f.TryGetProperty("cause", out JsonElement cause) ? cause.GetString()! : "",
                        f.TryGetProperty("reason", out JsonElement reason) ? reason.GetString()! : "",
                        f.GetProperty("cycles").GetInt64(),
                        f.GetProperty("source").GetString()!,
                        IsAssumption(f))),
                ],
                [
                    .. root.GetProperty("native").EnumerateArray().Select(f => new NativeFigure(
                        f.GetProperty("cause").GetString()!, f.GetProperty("cycles").GetInt64(), f.GetProperty("source").GetString()!, IsAssumption(f))),
                ]);
        }
        catch (JsonException e)
        {
            throw ModelException.NotJson(source, e);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new ModelException($"{source}: not a cost profile: {e.Message}", e);
        }
    }

    private static bool IsAssumption(JsonElement figure) => figure.TryGetProperty("assumption", out JsonElement assumption) && assumption.GetBoolean();
}

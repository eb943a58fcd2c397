using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using Harness.Hardware.Vmx;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using Harness.Vmm;
using Iced.Intel;

namespace Harness.Tests.Architecture;

/// <summary>The tables of src/README.md that say what there is and which file to open for it, made from the assemblies and the sources.</summary>
internal static partial class Inventory
{
    private const int MostMnemonics = 6;

    private static readonly Dictionary<string, string> FileOf = Declarations();

    /// <summary>Markdown with LF line ends; paths are relative to src/.</summary>
    public static string Text()
    {
        var text = new StringBuilder();
        Table(text, "Instructions", "Mnemonics | Shape | Privilege | File", Instructions());
        Table(text, "Exception vectors", "Vector | Number | Error code | File", Enum.GetValues<Vector>()
            .Select(v => Row(Vectors.Name((byte)v), (byte)v, Vectors.HasErrorCode(v) ? "yes" : "no", FileOf[nameof(Vector)])));
        Table(text, "Devices", "Device | File", Devices());
        Table(text, "Engines", "Engine | What it is | File", EngineRegistry.All.Select(e => Row($"`{e.Name}`", e.Description, FileOf[e.GetType().Name])));
        Table(text, "Exit reasons of VT-x", "Number | Reason | File", Enum.GetValues<ExitReason>()
            .Select(r => Row((uint)r, ExitReasons.Name(r), FileOf[nameof(ExitReason)])));
        Table(text, "Processor models", "Model | What it is | File", ProcessorModel.Names
            .Select(n => Row($"`{n}`", ProcessorModel.Load(n).Description, $"Harness.Machine/Models/{n}.json")));
        Table(text, "Cost profiles", "Profile | What it is | File", CostProfile.Names
            .Select(n => Row($"`{n}`", CostProfile.Load(n).Description, $"Harness.Vmm/Costs/{n}.json")));
        return text.ToString();
    }

    private static IEnumerable<string> Instructions() =>
        from type in new[] { typeof(EncodingsAttribute).Assembly, typeof(ExitReason).Assembly }.SelectMany(a => a.GetTypes())
        where type.IsDefined(typeof(EncodingsAttribute))
        let file = FileOf[type.Name]
        orderby file.Split('/')[0] == "Harness.Isa" ? 0 : 1, type.Name == "Coprocessor" ? 1 : 0, file, type.Name
        let privilege = type.GetCustomAttribute<InstructionAttribute>()?.Privilege ?? Privilege.None
        let shape = string.Join(", ", type.GetInterfaces().Select(shape => shape.Name[1..]).Order(StringComparer.Ordinal))
        select Row(Mnemonics(type), shape, file.StartsWith("Harness.Hardware", StringComparison.Ordinal) ? "VMX" : privilege, file);

    private static string Mnemonics(Type type)
    {
        string[] names =
        [
            .. type.GetCustomAttribute<EncodingsAttribute>()!.Codes.Select(code => code.Mnemonic().ToString().ToUpperInvariant()).Distinct()
                .Order(StringComparer.Ordinal),
        ];
        return names.Length <= MostMnemonics ? string.Join(", ", names) : $"{type.Name} ({names.Length})";
    }

    private static IEnumerable<string> Devices() => typeof(Platform).Assembly.GetTypes()
        .Where(type => type is { IsClass: true, IsAbstract: false } && type.Namespace == typeof(Platform).Namespace
            && (type.IsAssignableTo(typeof(Device)) || type.IsAssignableTo(typeof(IPortDevice))))
        .Where(type => FileOf.ContainsKey(type.Name))
        .OrderBy(type => type.Name, StringComparer.Ordinal).Select(type => Row(type.Name, FileOf[type.Name]));

    private static void Table(StringBuilder text, string title, string header, IEnumerable<string> rows)
    {
        string line = string.Concat(header.Split('|').Select(_ => "| --- "));
        text.Append(CultureInfo.InvariantCulture, $"### {title}\n\n| {header} |\n{line}|\n").AppendJoin("", rows).Append('\n');
    }

    private static string Row(params object[] cells) => $"| {string.Join(" | ", cells)} |\n";

    /// <summary>From the name of a type at the top of a file to the file; the first file where two have the name, files of the instruction sets before all others.</summary>
    private static Dictionary<string, string> Declarations()
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string file in Sources.Files("src").OrderBy(file => file.Contains("/Instructions/", StringComparison.Ordinal) ? 0 : 1))
        {
            foreach (Match declaration in TopLevelType().Matches(File.ReadAllText(Path.Combine(Sources.Root, file))))
            {
                files.TryAdd(declaration.Groups["name"].Value, file["src/".Length..]);
            }
        }

        return files;
    }

    [GeneratedRegex(@"^(?:public|internal) (?:(?:readonly|sealed|abstract|static|partial|unsafe|ref) )*(?:class|struct|enum|record|interface) (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex TopLevelType();
}

using System.Globalization;
using System.Text;
using Iced.Intel;

namespace Harness.NativeOracle;

/// <summary>Cases and results as text: one line each in a file of recorded answers, several lines in a message.</summary>
public static class CaseText
{
    private const char FieldSeparator = '|';

    private static readonly string[] _vectors =
    [
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9", "#TS", "#NP", "#SS", "#GP", "#PF", "15", "#MF", "#AC", "#MC", "#XM",
    ];

    private static readonly (int Bit, string Name)[] _flags =
    [
        (0, "CF"), (2, "PF"), (4, "AF"), (6, "ZF"), (7, "SF"), (8, "TF"), (9, "IF"), (10, "DF"), (11, "OF"), (12, "IOPL"), (13, "IOPL"), (14, "NT"),
        (17, "VM"), (18, "AC"), (19, "VIF"), (20, "VIP"), (21, "ID"),
    ];

    /// <summary>Names of the general registers in encoding order.</summary>
    public static IReadOnlyList<string> RegisterNames { get; } = ["EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI"];

    /// <summary>Names of the segment registers in encoding order.</summary>
    public static IReadOnlyList<string> SegmentNames { get; } = ["ES", "CS", "SS", "DS", "FS", "GS"];

    /// <summary>Name of an exception vector.</summary>
    /// <param name="vector">0 to 31.</param>
    public static string VectorName(int vector) => vector < _vectors.Length ? _vectors[vector] : $"vector {vector}";

    /// <summary>Names of the flags in a mask.</summary>
    /// <param name="mask">Bits of EFLAGS.</param>
    public static string FlagNames(uint mask) => string.Join(' ', _flags.Where(f => (mask >> f.Bit & 1) != 0).Select(f => f.Name));

    /// <summary>A fault in words.</summary>
    /// <param name="fault">A fault, or null.</param>
    public static string Describe(Fault? fault) => fault switch
    {
        null => "none",
        { Vector: 14 } f => $"#PF({f.ErrorCode:X}h) at {f.Cr2:X8}h",
        { } f => $"{VectorName(f.Vector)}({f.ErrorCode:X}h)",
    };

    /// <summary>A case with all that is needed to repeat it.</summary>
    /// <param name="test">The case.</param>
    public static string Describe(Case test)
    {
        Instruction instruction = CaseGenerator.Decode(test.Bitness, test.Code);
        var text = new StringBuilder();
        string code = Convert.ToHexString(test.Code);
        text.Append(CultureInfo.InvariantCulture, $"case {test.Number} of seed {test.Seed}, form {test.Form}: {code} = {instruction} ({test.Bitness}-bit)\n");
        AppendState(text, "before", test.Before);
        foreach (MemoryBytes bytes in test.Memory)
        {
            text.Append(CultureInfo.InvariantCulture, $"  memory {bytes.Address:X8}h: {Convert.ToHexString(bytes.Bytes)}\n");
        }

        return text.ToString();
    }

    /// <summary>A result in words.</summary>
    /// <param name="name">Whose result it is.</param>
    /// <param name="result">The result.</param>
    public static string Describe(string name, CaseResult result)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"  {name}: fault {Describe(result.Fault)}\n");
        AppendState(text, "after", result.After);
        foreach (MemoryBytes bytes in result.Changes)
        {
            text.Append(CultureInfo.InvariantCulture, $"  changed {bytes.Address:X8}h: {Convert.ToHexString(bytes.Bytes)}\n");
        }

        return text.ToString();
    }

    /// <summary>
    /// One line: seed, number, form, code, EIP and EFLAGS, general registers, selectors, memory; then fault, EIP and EFLAGS, changed registers,
    /// changed selectors, changed memory. Numbers are hexadecimal without leading zeros, except seed and number.
    /// </summary>
    /// <param name="test">The case.</param>
    /// <param name="result">Its result.</param>
    public static string ToLine(Case test, CaseResult result)
    {
        UndefinedParts undefined = Undefined.After(test, result);
        var registers = new List<string>();
        var selectors = new List<string>();
        for (int i = 0; i < 8; i++)
        {
            uint defined = ~undefined.Gpr[i];
            if (((result.After.Gpr[i] ^ test.Before.Gpr[i]) & defined) != 0)
            {
                registers.Add(Invariant($"{i}={result.After.Gpr[i] & defined:X}"));
            }
        }

        for (int i = 0; i < 6; i++)
        {
            if (result.After.Segments[i] != test.Before.Segments[i])
            {
                selectors.Add(Invariant($"{i}={result.After.Segments[i]:X}"));
            }
        }

        string[] fields =
        [
            Invariant($"{test.Seed} {test.Number}"),
            test.Form,
            Convert.ToHexString(test.Code),
            Invariant($"{test.Before.Eip:X} {test.Before.Eflags:X}"),
            string.Join(' ', Enumerable.Range(0, 8).Select(i => Invariant($"{test.Before.Gpr[i]:X}"))),
            string.Join(' ', Enumerable.Range(0, 6).Select(i => Invariant($"{test.Before.Segments[i]:X}"))),
            MemoryText(test.Memory),
            result.Fault is Fault f ? Invariant($"{f.Vector:X} {f.ErrorCode:X} {f.Cr2:X}") : "",
            Invariant($"{result.After.Eip:X} {result.After.Eflags & ~undefined.Eflags:X}"),
            string.Join(' ', registers),
            string.Join(' ', selectors),
            undefined.Memory ? "" : MemoryText(result.Changes),
        ];
        return string.Join(FieldSeparator, fields);
    }

    /// <summary>Reads a line that <see cref="ToLine"/> wrote.</summary>
    /// <param name="line">The line.</param>
    /// <exception cref="FormatException">The line has another form; the message says where.</exception>
    public static (Case Test, CaseResult Result) Parse(string line)
    {
        string[] fields = line.Split(FieldSeparator);
        const int fieldCount = 12;
        if (fields.Length != fieldCount)
        {
            throw new FormatException($"expected {fieldCount} fields separated by '{FieldSeparator}', found {fields.Length}");
        }

        string[] name = Words(fields[0], 2);
        RegisterState before = default;
        string[] words = Words(fields[3], 2);
        before.Eip = Number(words[0]);
        before.Eflags = Number(words[1]);
        words = Words(fields[4], 8);
        for (int i = 0; i < 8; i++)
        {
            before.Gpr[i] = Number(words[i]);
        }

        words = Words(fields[5], 6);
        for (int i = 0; i < 6; i++)
        {
            before.Segments[i] = (ushort)Number(words[i]);
        }

        ulong seed = ulong.Parse(name[0], CultureInfo.InvariantCulture);
        int number = int.Parse(name[1], CultureInfo.InvariantCulture);
        var test = new Case(seed, number, fields[1], before, Convert.FromHexString(fields[2]), Memory(fields[6]));

        Fault? fault = null;
        if (fields[7].Length > 0)
        {
            words = Words(fields[7], 3);
            fault = new Fault((int)Number(words[0]), Number(words[1]), Number(words[2]));
        }

        RegisterState after = before;
        words = Words(fields[8], 2);
        after.Eip = Number(words[0]);
        after.Eflags = Number(words[1]);
        foreach ((int index, uint value) in Pairs(fields[9], 8))
        {
            after.Gpr[index] = value;
        }

        foreach ((int index, uint value) in Pairs(fields[10], 6))
        {
            after.Segments[index] = (ushort)value;
        }

        return (test, new CaseResult(after, fault, Memory(fields[11])));
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private static void AppendState(StringBuilder text, string when, in RegisterState state)
    {
        text.Append("  ").Append(when).Append(':');
        for (int i = 0; i < 8; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $" {RegisterNames[i]}={state.Gpr[i]:X8}");
        }

        text.Append("\n   ");
        for (int i = 0; i < 6; i++)
        {
            string? name = World.Find(state.Segments[i])?.Name;
            text.Append(CultureInfo.InvariantCulture, $" {SegmentNames[i]}={state.Segments[i]:X4}({name ?? "none"})");
        }

        text.Append(CultureInfo.InvariantCulture, $"\n    EIP={state.Eip:X8} EFLAGS={state.Eflags:X8} [{FlagNames(state.Eflags)}]\n");
    }

    private static string MemoryText(IReadOnlyList<MemoryBytes> memory) =>
        string.Join(' ', memory.Select(m => Invariant($"{m.Address:X}={Convert.ToHexString(m.Bytes)}")));

    private static List<MemoryBytes> Memory(string field)
    {
        var memory = new List<MemoryBytes>();
        foreach (string part in field.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = Equals(part);
            memory.Add(new MemoryBytes(Number(part[..equals]), Convert.FromHexString(part[(equals + 1)..])));
        }

        return memory;
    }

    private static IEnumerable<(int Index, uint Value)> Pairs(string field, int bound)
    {
        foreach (string part in field.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = Equals(part);
            uint index = Number(part[..equals]);
            if (index >= bound)
            {
                throw new FormatException($"expected a register below {bound}, found '{part}'");
            }

            yield return ((int)index, Number(part[(equals + 1)..]));
        }
    }

    private static int Equals(string part)
    {
        int equals = part.IndexOf('=');
        return equals > 0 ? equals : throw new FormatException($"expected name=value, found '{part}'");
    }

    private static string[] Words(string field, int count)
    {
        string[] words = field.Split(' ');
        return words.Length == count ? words : throw new FormatException($"expected {count} numbers, found '{field}'");
    }

    private static uint Number(string word) => uint.TryParse(word, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value)
        ? value
        : throw new FormatException($"expected a hexadecimal number of 32 bits, found '{word}'");
}

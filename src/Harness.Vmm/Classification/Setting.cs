using System.Globalization;

namespace Harness.Vmm.Classification;

/// <summary>Bytes that a setting puts over the standard memory; the address is an offset in the copy.</summary>
public readonly record struct SettingBytes(uint Address, byte[] Bytes);

/// <summary>VMX operation that an instruction starts in.</summary>
public enum VmxOperation : byte
{
    /// <summary>CR4.VMXE=0.</summary>
    Off,

    /// <summary>CR4.VMXE=1, outside VMX operation.</summary>
    Enabled,

    /// <summary>VMX root operation with a current VMCS that VMCLEAR has just made.</summary>
    Root,

    /// <summary>The same with a guest in the VMCS, which can be launched.</summary>
    Clear,

    /// <summary>The same, launched before, so that it can be resumed.</summary>
    Launched,
}

/// <summary>
/// One state apart from mode and location: the instruction, general registers, flags and operands. With a <see cref="Situation"/> it is a whole state of the
/// machine. Its text form is what witnesses are printed and replayed from.
/// </summary>
public sealed record Setting
{
    /// <summary>The instruction's bytes.</summary>
    public required byte[] Code { get; init; }

    /// <summary>EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.</summary>
    public required uint[] Registers { get; init; }

    /// <summary>Status flags, DF and NT.</summary>
    public uint Flags { get; init; }

    /// <summary>CR0.TS.</summary>
    public bool TaskSwitched { get; init; }

    /// <summary>Always <see cref="VmxOperation.Off"/> on models without VT-x.</summary>
    public VmxOperation Vmx { get; init; }

    /// <summary>Operands in memory and on the stack.</summary>
    public IReadOnlyList<SettingBytes> Memory { get; init; } = [];

    /// <summary>One line: <c>code=9D eax=... flags=... c800=...</c>, in hexadecimal.</summary>
    public override string ToString()
    {
        var parts = new List<string> { $"code={Convert.ToHexString(Code)}" };
        parts.AddRange(Names.Select((name, i) => $"{name}={Registers[i]:X}"));
        parts.Add($"flags={Flags:X}");
        if (TaskSwitched)
        {
            parts.Add("ts=1");
        }

        if (Vmx != VmxOperation.Off)
        {
            parts.Add($"vmx={(int)Vmx}");
        }

        parts.AddRange(Memory.Select(m => $"@{m.Address:X}={Convert.ToHexString(m.Bytes)}"));
        return string.Join(' ', parts);
    }

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    /// <exception cref="FormatException">The message names the part that is wrong and what was expected.</exception>
    public static Setting Parse(string text)
    {
        byte[] code = [];
        uint[] registers = new uint[8];
        var memory = new List<SettingBytes>();
        uint flags = 0, switched = 0, vmx = 0;
        foreach (string part in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? part : part[..equals];
            string value = equals < 0 ? "" : part[(equals + 1)..];
            int register = Array.IndexOf(Names, name);
            if (register >= 0)
            {
                registers[register] = Number(part, value);
            }
            else if (name.StartsWith('@'))
            {
                memory.Add(new SettingBytes(Number(part, name[1..]), Bytes(part, value)));
            }
            else if (name == "code")
            {
                code = Bytes(part, value);
            }
            else
            {
                _ = name switch
                {
                    "flags" => flags = Number(part, value),
                    "ts" => switched = Number(part, value),
                    "vmx" => vmx = Number(part, value),
                    _ => throw new FormatException($"A setting has no part '{part}'; expected code=, {string.Join("=, ", Names)}=, flags=, ts=, vmx= or @ADDRESS=BYTES."),
                };
            }
        }

        if (code.Length == 0 || code.Length > 15)
        {
            throw new FormatException($"A setting needs code= with 1 to 15 bytes of an instruction; found {code.Length}.");
        }

        if ((flags & ~DrawnFlags) != 0)
        {
            throw new FormatException($"A setting's flags= are status flags, DF, NT, VIF and VIP (bits of {DrawnFlags:X}): the situation decides the others; found {flags:X}.");
        }

        if (switched > 1 || vmx > (uint)VmxOperation.Launched)
        {
            throw new FormatException($"A setting's ts= is 0 or 1 and vmx= is 0 to 4; found ts={switched:X} vmx={vmx:X}.");
        }

        foreach (SettingBytes part in memory)
        {
            if (part.Address < LabLayout.Code || part.Address + (ulong)part.Bytes.Length > LabLayout.PageDirectory)
            {
                throw new FormatException(
                    $"A setting's memory lies between {LabLayout.Code:X} and {LabLayout.PageDirectory:X}, where no table is; found {part.Bytes.Length} bytes at {part.Address:X}.");
            }
        }

        return new Setting
        {
            Code = code,
            Registers = registers,
            Flags = flags,
            TaskSwitched = switched != 0,
            Vmx = (VmxOperation)vmx,
            Memory = memory,
        };
    }

    /// <summary>Those of EFLAGS that a setting decides.</summary>
    internal const uint DrawnFlags = Eflags.Status | Eflags.DF | Eflags.NT | Eflags.VIF | Eflags.VIP;

    private static readonly string[] Names = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

    private static uint Number(string part, string text) =>
        uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value)
            ? value
            : throw new FormatException($"'{part}' of a setting: expected a hexadecimal number of at most 8 digits, found '{text}'.");

    private static byte[] Bytes(string part, string text)
    {
        try
        {
            return Convert.FromHexString(text);
        }
        catch (FormatException e)
        {
            throw new FormatException($"'{part}' of a setting: expected pairs of hexadecimal digits, found '{text}'.", e);
        }
    }
}

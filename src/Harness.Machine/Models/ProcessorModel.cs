using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Harness.Machine.Devices;

namespace Harness.Machine;

/// <summary>A model-specific register as the model describes it: a value at reset and the bits that WRMSR may change; others must be written as they are.</summary>
public readonly record struct MsrDescription(uint Number, string Name, ulong Reset, ulong Writable);

/// <summary>A CPUID leaf as the model describes it.</summary>
public readonly record struct CpuidLeaf(uint Leaf, uint Subleaf, uint Eax, uint Ebx, uint Ecx, uint Edx);

/// <summary>
/// A processor model: which instructions, CPUID leaves, MSRs and features exist. It is data, read from a JSON file; what a model lacks behaves as on that
/// processor.
/// </summary>
public sealed class ProcessorModel
{
    private const long MostPauseTicks = 1_000_000;

    /// <summary>
    /// The instruction sets that are built: all those of rows, and what only the 8086 and the 80386 had (POP CS, test registers), which raises #UD. Instructions of the
    /// coprocessor only raise #NM.
    /// </summary>
    public static IReadOnlyList<CpuidFeature> BuiltSets { get; } =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL8086_ONLY, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL386_ONLY, CpuidFeature.INTEL486,
        CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU287XL_ONLY, CpuidFeature.FPU387, CpuidFeature.FPU387SL_ONLY, CpuidFeature.CYRIX_FPU, CpuidFeature.SSE3,
        CpuidFeature.CPUID, CpuidFeature.CX8, CpuidFeature.TSC, CpuidFeature.MSR, CpuidFeature.CMOV, CpuidFeature.SEP, CpuidFeature.RDPMC, CpuidFeature.PAUSE,
        CpuidFeature.MULTIBYTENOP, CpuidFeature.SMM, CpuidFeature.SMAP, CpuidFeature.VMX,
    ];

    /// <summary>Features that would have no bit or register to be seen by: bits of CR4 (SDM Vol. 3A, 2.5), and registers that only RDMSR and WRMSR reach.</summary>
    private static readonly (Feature Feature, Feature Needed)[] Needs =
    [
        .. new[] { Feature.Vme, Feature.De, Feature.Pse, Feature.Tsc, Feature.Pae, Feature.Mce, Feature.Pge, Feature.Pmc, Feature.Umip, Feature.Smep, Feature.Smap, Feature.Vmx, Feature.Fxsr, Feature.Sse }
            .Select(f => (f, Feature.Cr4)),
        (Feature.Nx, Feature.Pae), (Feature.Nx, Feature.Msr), (Feature.Sep, Feature.Msr), (Feature.CpuidFaulting, Feature.Msr), (Feature.Vmx, Feature.Msr), (Feature.Pse36, Feature.Pse),

        // VMX operation needs CR0.NE (SDM Vol. 3D, A.7).
        (Feature.Vmx, Feature.I486),
    ];

    /// <summary>Instruction sets, and the features that hold their registers and bits: a processor has both or neither.</summary>
    private static readonly (CpuidFeature Set, Feature Feature)[] Together =
    [
        (CpuidFeature.CPUID, Feature.Cpuid), (CpuidFeature.TSC, Feature.Tsc), (CpuidFeature.MSR, Feature.Msr), (CpuidFeature.SEP, Feature.Sep),
        (CpuidFeature.RDPMC, Feature.Pmc), (CpuidFeature.SMAP, Feature.Smap), (CpuidFeature.VMX, Feature.Vmx),
    ];

    private static readonly string[] Keys =
        ["name", "description", "ticksPerSecond", "pauseTicks", "physicalAddressBits", "signature", "features", "instructionSets", "cpuid", "msrs"];

    private static readonly string[] LeafKeys = ["leaf", "subleaf", "eax", "ebx", "ecx", "edx"];
    private static readonly string[] MsrKeys = ["number", "name", "reset", "writable"];
    private readonly bool[] _features = new bool[byte.MaxValue + 1];
    private readonly HashSet<CpuidFeature> _instructionSets = [];
    private readonly Dictionary<uint, int> _msrIndexes = [];
    private readonly Dictionary<Code, Type> _extensionRows = [];
    private readonly List<IProcessorExtension> _extensions = [];
    private readonly ConcurrentDictionary<Feature, ProcessorModel> _without = new();
    private Func<Instruction, bool>? _madePrivileged;

    private ProcessorModel(string name) => Name = name;

    public string Name { get; }

    public string Description { get; private init; } = "";

    /// <summary>Of the guest clock; the time-stamp counter counts the same ticks.</summary>
    public long TicksPerSecond { get; private init; }

    /// <summary>What PAUSE adds to the clock, from 1 to 1,000,000.</summary>
    public long PauseTicks { get; private init; }

    /// <summary>MAXPHYADDR, 32 so far.</summary>
    public int PhysicalAddressBits { get; private init; }

    /// <summary>EDX after reset: family, model, stepping.</summary>
    public uint Signature { get; private init; }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<CpuidLeaf> CpuidLeaves { get; private init; } = [];

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<MsrDescription> Msrs
    {
        get;
        private init
        {
            field = value;
            _msrIndexes = Enumerable.Range(0, value.Count).ToDictionary(i => value[i].Number);
        }
    } = [];

    /// <summary>Where <see cref="Msrs"/> has a register; -1: nowhere.</summary>
    internal int IndexOfMsr(uint number) => _msrIndexes.GetValueOrDefault(number, -1);

    internal IReadOnlyList<IProcessorExtension> Extensions => _extensions;

    public bool Has(Feature feature) => _features[(int)feature];

    /// <summary>Whether every instruction set that the encoding belongs to exists on the model.</summary>
    public bool Has(Code code)
    {
        foreach (CpuidFeature feature in code.CpuidFeatures())
        {
            if (!_instructionSets.Contains(feature))
            {
                return false;
            }
        }

        return true;
    }

    internal Type? ExtensionRow(Code code) => _extensionRows.GetValueOrDefault(code);

    /// <summary>Adds what another assembly knows of this model: instruction rows and a unit for every processor made from it.</summary>
    public void Add(IProcessorExtension extension)
    {
        _without.Clear();
        _extensions.Add(extension);
        foreach (Type row in extension.Rows)
        {
            foreach (Code code in Rows.EncodingsOf(row))
            {
                _extensionRows[code] = row;
            }
        }
    }

    /// <summary>The features that <see cref="Without"/> can take away.</summary>
    public static IReadOnlyList<Feature> Withholdable { get; } = [.. Withholding.All.Select(w => w.Feature)];

    /// <summary>
    /// The model as a guest sees it that is not given the virtualization feature: its CPUID bit, MSRs and instructions are gone. The model itself if it lacks the
    /// feature anyway.
    /// </summary>
    /// <exception cref="ArgumentException">The feature is not among <see cref="Withholdable"/>.</exception>
    public ProcessorModel Without(Feature feature)
    {
        Withholding withheld = Withholding.All.FirstOrDefault(w => w.Feature == feature)
            ?? throw new ArgumentException($"{feature} cannot be withheld; {string.Join(", ", Withholdable)} can.", nameof(feature));
        if (!Has(feature))
        {
            return this;
        }

        return _without.GetOrAdd(feature, _ => MakeWithout(withheld));
    }

    private ProcessorModel MakeWithout(Withholding withheld)
    {
        ProcessorModel copy = Copy(
            [.. CpuidLeaves.Select(l => l.Leaf == withheld.Leaf ? l with { Ecx = l.Ecx & ~withheld.EcxBit } : l)],
            [.. Msrs.Where(m => !withheld.Owns(m.Number))]);
        copy._features[(int)withheld.Feature] = false;
        copy._instructionSets.Remove(withheld.Instructions);
        copy.AddExtensionsOf(this);
        return copy;
    }

    /// <summary>The same processor that answers CPUID differently.</summary>
    public ProcessorModel WithCpuid(Func<CpuidLeaf, CpuidLeaf> change)
    {
        ProcessorModel copy = Copy([.. CpuidLeaves.Select(change)], Msrs);
        copy.AddExtensionsOf(this);
        return copy;
    }

    /// <summary>
    /// A hypothetical processor: the same, except that the instructions that <paramref name="which"/> picks raise #GP(0) outside CPL 0 before anything else. What
    /// would it take to make a processor virtualizable is answered by trying.
    /// </summary>
    public ProcessorModel WithPrivileged(Func<Instruction, bool> which)
    {
        ProcessorModel copy = Copy(CpuidLeaves, Msrs);
        copy._madePrivileged = _madePrivileged is { } before ? i => before(i) || which(i) : which;
        copy.AddExtensionsOf(this);
        return copy;
    }

    internal bool MakesPrivileged(in Instruction instruction) => _madePrivileged?.Invoke(instruction) ?? false;

    private ProcessorModel Copy(IReadOnlyList<CpuidLeaf> leaves, IReadOnlyList<MsrDescription> msrs)
    {
        var copy = new ProcessorModel(Name)
        {
            Description = Description,
            TicksPerSecond = TicksPerSecond,
            PauseTicks = PauseTicks,
            PhysicalAddressBits = PhysicalAddressBits,
            Signature = Signature,
            CpuidLeaves = leaves,
            Msrs = msrs,
        };
        copy._madePrivileged = _madePrivileged;
        _features.CopyTo(copy._features, 0);
        copy._instructionSets.UnionWith(_instructionSets);
        return copy;
    }

    private void AddExtensionsOf(ProcessorModel other)
    {
        foreach (IProcessorExtension extension in other._extensions)
        {
            if (extension.Rows.SelectMany(Rows.EncodingsOf).Any(Has))
            {
                Add(extension);
            }
        }
    }

    /// <summary>A fresh copy of one of the models that come with the harness.</summary>
    /// <exception cref="ModelException">There is no such model.</exception>
    public static ProcessorModel Load(string name)
    {
        using Stream? stream = typeof(ProcessorModel).Assembly.GetManifestResourceStream($"models/{name}.json");
        return stream is null
            ? throw new ModelException($"There is no processor model '{name}'; known are {string.Join(", ", Names)}.")
            : Read(stream, $"{name}.json");
    }

    /// <summary>The models that come with the harness, in ordinal order.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. typeof(ProcessorModel).Assembly.GetManifestResourceNames()
            .Where(n => n.StartsWith("models/", StringComparison.Ordinal))
            .Select(n => n["models/".Length..^".json".Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Reads a model file; <paramref name="source"/> names it in errors.</summary>
    /// <exception cref="ModelException">The file is not a model; the message says where, what was expected and what was found.</exception>
    public static ProcessorModel Read(Stream stream, string source)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(
                stream, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return Read(new ModelValue(source, document.RootElement));
        }
        catch (JsonException e)
        {
            throw ModelException.NotJson(source, e);
        }
        catch (InvalidOperationException e)
        {
            // What JsonElement says of bytes and escapes that are no characters.
            throw new ModelException($"{source}: not Unicode: {e.Message}", e);
        }
    }

    private static ProcessorModel Read(ModelValue root)
    {
        root.Expect(Keys);
        var model = new ProcessorModel(root["name"].Name())
        {
            Description = root["description"].Text(),
            TicksPerSecond = root["ticksPerSecond"].Number(PlatformOptions.LeastTicksPerSecond, PlatformOptions.MostTicksPerSecond),
            PauseTicks = root["pauseTicks"].Number(1, MostPauseTicks),
            PhysicalAddressBits = (int)root["physicalAddressBits"].Number(32, 32),
            Signature = root["signature"].Hexadecimal32(),
            CpuidLeaves = ReadCpuid(root["cpuid"]),
            Msrs = ReadMsrs(root["msrs"]),
        };
        foreach (ModelValue feature in root["features"].Items())
        {
            Feature named = feature.OneOf<Feature>();
            if (model.Has(named))
            {
                throw feature.Wrong("a feature that no entry before it is");
            }

            model._features[(int)named] = true;
        }

        foreach (ModelValue set in root["instructionSets"].Items())
        {
            if (!model._instructionSets.Add(set.OneOf("one of the sets that are built:", BuiltSets)))
            {
                throw set.Wrong("a set that no entry before it is");
            }
        }

        foreach ((Feature feature, Feature needed) in Needs)
        {
            if (model.Has(feature) && !model.Has(needed))
            {
                throw root["features"].Wrong($"{needed} beside {feature}", $"no {needed}");
            }
        }

        if (model.Msrs.Count > 0 && !model.Has(Feature.Msr))
        {
            throw root["features"].Wrong($"{Feature.Msr} beside registers in msrs", $"no {Feature.Msr}");
        }

        int enables = model.IndexOfMsr(Msr.MISC_FEATURES_ENABLES);
        if (model.Has(Feature.CpuidFaulting) && (enables < 0 || (model.Msrs[enables].Writable & 1) == 0))
        {
            throw root["msrs"].Wrong(
                $"the number {Msr.MISC_FEATURES_ENABLES:X} with bit 0 writable, which the feature CpuidFaulting needs",
                enables < 0 ? $"no {Msr.MISC_FEATURES_ENABLES:X}" : $"the writable bits {model.Msrs[enables].Writable:X}");
        }

        if (model._instructionSets.Count == 0)
        {
            throw root["instructionSets"].Wrong("at least one instruction set", "an empty list");
        }

        foreach ((CpuidFeature set, Feature feature) in Together)
        {
            bool hasSet = model._instructionSets.Contains(set);
            if (hasSet != model.Has(feature))
            {
                throw hasSet ? root["features"].Wrong($"{feature} beside the instruction set {set}", $"no {feature}")
                    : root["instructionSets"].Wrong($"{set} beside the feature {feature}", $"no {set}");
            }
        }

        foreach (Withholding unit in Withholding.All.Where(w => model.Has(w.Feature) && model.IndexOfMsr(w.ControlMsr) >= 0))
        {
            throw root["msrs"].Items()[model.IndexOfMsr(unit.ControlMsr)]["number"].Wrong($"no {unit.ControlMsr:X}, which comes with the feature {unit.Feature}");
        }

        return model;
    }

    private static List<CpuidLeaf> ReadCpuid(ModelValue list)
    {
        var leaves = new List<CpuidLeaf>();
        var numbers = new HashSet<(uint Leaf, uint Subleaf)>();
        foreach (ModelValue item in list.Items())
        {
            item.Expect(LeafKeys);
            var leaf = new CpuidLeaf(
                item["leaf"].Hexadecimal32(), item["subleaf"].IsMissing ? 0 : item["subleaf"].Hexadecimal32(),
                item["eax"].Hexadecimal32(), item["ebx"].Hexadecimal32(), item["ecx"].Hexadecimal32(), item["edx"].Hexadecimal32());
            if (!numbers.Add((leaf.Leaf, leaf.Subleaf)))
            {
                throw item["leaf"].Wrong("a leaf and subleaf that no entry before it has");
            }

            leaves.Add(leaf);
        }

        return leaves;
    }

    private static List<MsrDescription> ReadMsrs(ModelValue list)
    {
        var msrs = new List<MsrDescription>();
        var numbers = new HashSet<uint>();
        foreach (ModelValue item in list.Items())
        {
            item.Expect(MsrKeys);
            var msr = new MsrDescription(item["number"].Hexadecimal32(), item["name"].Name(), item["reset"].Hexadecimal64(), item["writable"].Hexadecimal64());
            if (!numbers.Add(msr.Number))
            {
                throw item["number"].Wrong("a number that no entry before it has");
            }

            if (msr.Number is Msr.IA32_TIME_STAMP_COUNTER or Msr.IA32_SYSENTER_CS or Msr.IA32_SYSENTER_ESP or Msr.IA32_SYSENTER_EIP or Msr.IA32_EFER)
            {
                throw item["number"].Wrong("none of 10, 174 to 176 and C0000080, which come with the features Tsc, Sep and Nx");
            }

            // An attempt to write them is #GP(0) (SDM Vol. 3D, Appendix A).
            if (msr.Writable != 0 && Withholding.All.Any(w => w.IsCapability(msr.Number)))
            {
                throw item["writable"].Wrong($"0, for {msr.Number:X} tells of a capability and is read-only");
            }

            msrs.Add(msr);
        }

        return msrs;
    }
}

/// <summary>A model that does not exist or a model file that cannot be read.</summary>
public sealed class ModelException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>That a file is no JSON, with its place if that is known: a key that comes twice has none.</summary>
    public static ModelException NotJson(string source, JsonException e)
    {
        string place = e.LineNumber is { } line && e.BytePositionInLine is { } column ? string.Create(CultureInfo.InvariantCulture, $"({line + 1},{column + 1})") : "";

        // The reader puts the place, counted from 0, at the end of its own words.
        int end = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return new ModelException($"{source}{place}: not JSON: {(end < 0 ? e.Message : e.Message[..end])}", e);
    }
}

/// <summary>What another assembly adds to processors of a model: VT-x, AMD-V.</summary>
public interface IProcessorExtension
{
    /// <summary>Rows that implement <see cref="IMachineInstruction"/>.</summary>
    IEnumerable<Type> Rows { get; }

    /// <summary>Called once for each processor made from the model, before its reset.</summary>
    void Attach(Processor processor);
}

/// <summary>What a virtualization feature consists of, for a guest that is not to see it.</summary>
/// <param name="Feature">The feature.</param>
/// <param name="Leaf">The CPUID leaf that announces it.</param>
/// <param name="EcxBit">The bit of the leaf's ECX.</param>
/// <param name="Instructions">The set of instructions that comes with it.</param>
/// <param name="FirstMsr">Of its range of capability registers.</param>
/// <param name="LastMsr">The range's end, included.</param>
/// <param name="ControlMsr">The register that enables it.</param>
internal sealed record Withholding(Feature Feature, uint Leaf, uint EcxBit, CpuidFeature Instructions, uint FirstMsr, uint LastMsr, uint ControlMsr)
{
    public static IReadOnlyList<Withholding> All { get; } =
    [
        // CPUID.1:ECX.VMX, IA32_VMX_BASIC to IA32_VMX_VMFUNC, IA32_FEATURE_CONTROL (SDM Vol. 3D, Appendix A; Vol. 3C, 23.7).
        new(Feature.Vmx, 1, 1u << 5, CpuidFeature.VMX, 0x480, 0x491, 0x3A),
    ];

    public bool Owns(uint msr) => msr == ControlMsr || IsCapability(msr);

    public bool IsCapability(uint msr) => msr >= FirstMsr && msr <= LastMsr;
}

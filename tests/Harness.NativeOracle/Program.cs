using System.Globalization;
using Harness.NativeOracle;
using Harness.NativeOracle.Native;

// Exit codes: 0 agreement, or nothing to ask (the reason is printed); 1 mismatches; 2 wrong arguments.
const string usage = """
    usage: native-oracle forms                              lists judged and excluded forms
           native-oracle run [--cases N] [--seed S]         the processor judges the machine
           native-oracle self-check [--cases N] [--seed S]  the processor against itself: the answers are deterministic
           native-oracle record FILE [--cases N] [--seed S] writes the processor's answers
           native-oracle verify FILE                        asks the processor again for recorded answers
           native-oracle replay FILE                        judges the machine by recorded answers, without ptrace
    """;

const string model = "yonah";
int cases = 200_000;
ulong seed = 1;
var operands = new List<string>();
for (int i = 0; i < args.Length; i++)
{
    bool last = i + 1 == args.Length;
    if (args[i] == "--cases" && !last && int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out cases) && cases > 0)
    {
        i++;
    }
    else if (args[i] == "--seed" && !last && ulong.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out seed))
    {
        i++;
    }
    else
    {
        operands.Add(args[i]);
    }
}

switch (operands)
{
    case ["forms"]:
        ListForms();
        return 0;
    case ["run"]:
        return WithProcessor(processor =>
        {
            using var machine = new MachineRunner(model);
            return Finish(Campaign.Run(processor, machine, cases, seed), true);
        });
    case ["self-check"]:
        return WithProcessor(processor =>
        {
            using NativeProcessor second = Open();
            return Finish(Campaign.Run(processor, second, cases, seed), true);
        });
    case ["record", string path]:
        return WithProcessor(processor =>
        {
            RecordedAnswers.Write(path, processor, cases, seed);
            return 0;
        });
    case ["verify", string path]:
        RecordedAnswers recorded = RecordedAnswers.Read(path);
        return WithProcessor(processor => Finish(Campaign.Run(recorded, processor), false));
    case ["replay", string path]:
        using (var machine = new MachineRunner(model))
        {
            return Finish(Campaign.Run(RecordedAnswers.Read(path), machine), false);
        }

    default:
        Console.Error.WriteLine(usage);
        return 2;
}

static int WithProcessor(Func<NativeProcessor, int> action)
{
    if (!NativeProcessor.TryOpen(out NativeProcessor? processor, out string reason))
    {
        Console.WriteLine($"skipped: {reason}");
        return 0;
    }

    using (processor)
    {
        return action(processor);
    }
}

static NativeProcessor Open() => NativeProcessor.TryOpen(out NativeProcessor? processor, out string reason) ? processor : throw new NativeOracleException(reason);

static int Finish(CampaignSummary summary, bool listForms)
{
    foreach (FormCount form in listForms ? summary.Forms : [])
    {
        Console.WriteLine($"{form.Form,-28} {form.Cases,6} cases {form.Faulting,6} faulting");
    }

    Console.Write(summary);
    return summary.MismatchCount == 0 ? 0 : 1;
}

static void ListForms()
{
    foreach (string form in CaseGenerator.FormNames)
    {
        Console.WriteLine(form);
    }

    foreach (ExcludedForm form in Forms.Excluded)
    {
        Console.WriteLine($"excluded {form.Name}: {form.Reason}");
    }

    Console.WriteLine($"{Forms.All.Count} forms and {Forms.UndefinedEncodings.Count} undefined encodings judged, {Forms.Excluded.Count} rows excluded");
}

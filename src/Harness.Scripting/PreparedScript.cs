using System.Reflection;
using Harness.Scenarios;

namespace Harness.Scripting;

/// <summary>A script that is ready to run, or what keeps it from being so.</summary>
public sealed class PreparedScript
{
    private readonly ScriptFile _script;
    private readonly ScriptDiagnostic[] _problems;
    private readonly ScriptImage? _image;
    private readonly ScriptReference[] _references;

    internal PreparedScript(ScriptFile script, IReadOnlyList<string> files, params ScriptDiagnostic[] problems)
    {
        _script = script;
        Files = files;
        _problems = problems;
        _references = [];
    }

    internal PreparedScript(ScriptFile script, IReadOnlyList<string> files, ScriptImage image, IEnumerable<ScriptReference> references)
    {
        _script = script;
        Files = files;
        _problems = [];
        _image = image;
        _references = references.ToArray();
    }

    /// <summary>Full paths of the script and of all that it loads.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Runs the script's top level, which declares its scenarios, and which is code of the user: it may not return.</summary>
    public LoadedScript Declare()
    {
        if (_image is null)
        {
            return LoadedScript.Refused(_script, _problems);
        }

        var context = new ScriptLoadContext(_script.Id, _references);
        try
        {
            var assembly = context.LoadFromStream(new MemoryStream(_image.Assembly), new MemoryStream(_image.Symbols));
            var submission = EntryPoint(assembly);
            var declared = ScenarioCollector.Collect(
                _script.Id, () => NamedFrame.Call($"top level of {_script.Path}", () => submission([null, null]).GetAwaiter().GetResult()));
            var problems = declared.Problems.Select(p => new ScriptDiagnostic(p.File, p.Line, 1, ScriptDiagnostic.Declaration, p.Message)).ToArray();
            return problems.Length > 0 ? LoadedScript.Refused(_script, problems) : LoadedScript.Declared(_script, declared.Scenarios, context);
        }
        catch (Exception e)
        {
            // Any exception: the script's own top level threw it.
            var place = ScriptTrace.Locate(e, Path.GetDirectoryName(_script.Path)!) ?? (_script.Path, 1);
            context.Unload();
            return LoadedScript.Thrown(_script, new ScriptDiagnostic(place.File, place.Line, 1, ScriptDiagnostic.Threw, ScriptTrace.Describe(e)));
        }
    }

    // Roslyn gives a submission a static method <Factory>, which takes the globals and the earlier submissions, and runs it.
    private static Func<object?[], Task<object>> EntryPoint(Assembly assembly) => assembly.GetTypes()
        .Select(t => t.GetMethod("<Factory>", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
        .First(m => m is not null)!.CreateDelegate<Func<object?[], Task<object>>>();
}

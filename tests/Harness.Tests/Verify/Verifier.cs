using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using NUnit.Framework;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace VerifyNUnit;

/// <summary>
/// Compares text with a reviewed file. It shares its files and its calls with the package Verify.NUnit, which takes its place when the
/// project is built with -p:UseVerifyNUnit=true.
/// </summary>
public static class Verifier
{
    private static readonly UTF8Encoding _encoding = new(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true);
    private static readonly ConcurrentDictionary<string, byte> _used = new(StringComparer.Ordinal);

    /// <summary>Compares the text with [type].[method][_parameter=value].verified.txt beside the calling source file.</summary>
    /// <exception cref="VerifyException">There is no such file or it differs; the received text lies beside it.</exception>
    public static SettingsTask Verify(string? target, VerifySettings? settings = null, [CallerFilePath] string sourceFile = "") =>
        new(settings ?? new(), s => Compare(target, s, sourceFile));

    private static async Task Compare(string? target, VerifySettings settings, string sourceFile)
    {
        var source = Path.GetDirectoryName(RealPath(sourceFile))!;
        var directory = Path.GetFullPath(settings.Directory is null ? source : Path.Combine(source, settings.Directory));
        var prefix = settings.FileName ?? Prefix(settings.Parameters);
        if (!_used.TryAdd(Path.Combine(directory, prefix), 0))
        {
            throw new VerifyException($"The prefix has already been used: {Path.Combine(directory, prefix)}");
        }

        Directory.CreateDirectory(directory);
        foreach (var stale in Files(directory, prefix, "received"))
        {
            File.Delete(Path.Combine(directory, stale));
        }

        var receivedName = prefix + ".received.txt";
        var verifiedName = prefix + ".verified.txt";
        var received = Canonical(target);
        RefuseMachinePaths(received);
        var verifiedPath = Path.Combine(directory, verifiedName);
        var verified = File.Exists(verifiedPath) ? Normalize(await File.ReadAllTextAsync(verifiedPath, _encoding)) : null;
        var orphans = Files(directory, prefix, "verified").Where(name => name != verifiedName).ToList();
        var equal = verified == received;
        if (equal && orphans.Count == 0)
        {
            return;
        }

        if (!equal)
        {
            await File.WriteAllTextAsync(Path.Combine(directory, receivedName), received, _encoding);
        }

        throw new VerifyException(Describe(directory, receivedName, verifiedName, received, verified, orphans));
    }

    private static string Describe(
        string directory, string receivedName, string verifiedName, string received, string? verified, List<string> orphans)
    {
        var status = verified is null ? "New" : verified == received ? "Equal" : "NotEqual";
        var text = new StringBuilder($"Directory: {directory}\n");
        if (status != "Equal")
        {
            text.Append(CultureInfo.InvariantCulture, $"{status}:\n  - Received: {receivedName}\n    Verified: {verifiedName}\n");
        }

        if (orphans.Count > 0)
        {
            text.Append("Delete:\n").AppendJoin("", orphans.Select(name => $"  - {name}\n"));
        }

        if (status == "Equal")
        {
            text.Append(CultureInfo.InvariantCulture, $"Equal:\n  - Received: {receivedName}\n    Verified: {verifiedName}\n");
            return text.ToString();
        }

        text.Append(CultureInfo.InvariantCulture, $"\nFileContent:\n\n{status}:\n\nReceived: {receivedName}\n{received}\n");
        if (verified is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"Verified: {verifiedName}\n{verified}\n");
        }

        return text.ToString();
    }

    private static string Canonical(string? target) => target switch
    {
        null => "null",
        "" => "emptyString",
        _ => Normalize(target),
    };

    private static string Normalize(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');

    private static void RefuseMachinePaths(string text)
    {
        string[] paths = [Path.GetTempPath(), RepositoryRoot(), Environment.CurrentDirectory, TestContext.CurrentContext.TestDirectory];
        foreach (var path in paths.Select(Path.TrimEndingDirectorySeparator).Where(path => path.Length > 1))
        {
            if (text.Contains(path, StringComparison.Ordinal))
            {
                throw new VerifyException($"The text contains a path of this computer, so no other would produce it: {path}");
            }
        }
    }

    // The compiler writes the sources' root as "/_/".
    private static string RealPath(string sourceFile) =>
        sourceFile.StartsWith("/_/", StringComparison.Ordinal) ? Path.Combine(RepositoryRoot(), sourceFile[3..]) : sourceFile;

    private static string RepositoryRoot()
    {
        for (var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Harness.sln")))
            {
                return folder.FullName;
            }
        }

        throw new VerifyException($"Expected Harness.sln in a folder above {TestContext.CurrentContext.TestDirectory}.");
    }

    private static IEnumerable<string> Files(string directory, string prefix, string kind) => Directory
        .EnumerateFiles(directory)
        .Select(path => Path.GetFileName(path))
        .Where(name => name.StartsWith($"{prefix}.{kind}.", StringComparison.Ordinal)
            || (name.StartsWith(prefix + "#", StringComparison.Ordinal) && name.Contains($".{kind}.", StringComparison.Ordinal)))
        .Order(StringComparer.Ordinal)
        .ToList();

    private static string Prefix(object?[]? parameters)
    {
        ITest test = TestExecutionContext.CurrentContext.CurrentTest;
        var type = test.Method!.TypeInfo.Type;
        var name = new StringBuilder(type.DeclaringType is { } outer ? $"{outer.Name}.{type.Name}" : type.Name);
        name.Append('.').Append(test.Method.Name);
        var fixture = test.Parent;
        while (fixture is not null && fixture is not TestFixture)
        {
            fixture = fixture.Parent;
        }

        var constructorArguments = fixture?.Arguments ?? [];
        if (constructorArguments.Length > 0)
        {
            var constructor = type.GetConstructors().Single(c => c.GetParameters().Length == constructorArguments.Length);
            Append(name, constructor.GetParameters().Select(p => p.Name!), constructorArguments);
        }

        Append(name, test.Method.GetParameters().Select(p => p.ParameterInfo.Name!), parameters ?? test.Arguments);
        return name.ToString();
    }

    private static void Append(StringBuilder name, IEnumerable<string> names, object?[] values)
    {
        foreach (var (parameter, value) in names.Zip(values))
        {
            name.Append('_').Append(parameter).Append('=').Append(Text(value));
        }
    }

    private static string Text(object? value) => value switch
    {
        null => "null",
        string text => Clean(text),
        IEnumerable list => string.Join(',', list.Cast<object?>().Select(Text)) is { Length: > 0 } items ? items : "[]",
        IFormattable number => Clean(number.ToString(null, CultureInfo.InvariantCulture)),
        _ => Clean(value.ToString() ?? ""),
    };

    private static string Clean(string text) => string.Concat(text.Select(c => char.IsControl(c) || "\"\\<>|:*?/".Contains(c) ? '-' : c));
}

namespace Harness.Scripting;

/// <summary>Something that keeps a script from being loaded, placed where its author can mend it.</summary>
/// <param name="File">Full path.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
/// <param name="Code">The compiler's own code (CS0103), or HS and a number for a rule of the script host.</param>
/// <param name="Message">What is wrong and what to do.</param>
public sealed record ScriptDiagnostic(string File, int Line, int Column, string Code, string Message)
{
    /// <summary>Code of a script or include that cannot be read.</summary>
    public const string Unreadable = "HS0001";

    /// <summary>Code of a use of a banned symbol.</summary>
    public const string Banned = "HS0002";

    /// <summary>Code of an enumeration in an order that is not defined.</summary>
    public const string Unordered = "HS0003";

    /// <summary>Code of a declaration at fault.</summary>
    public const string Declaration = "HS0004";

    /// <summary>Code of a top level that throws.</summary>
    public const string Threw = "HS0005";

    /// <summary>The form that editors and terminals turn into a link: <c>file.csx(line,col): error CODE: message</c>.</summary>
    /// <param name="display">The file as the user should see it.</param>
    public string ToString(string display) => $"{display}({Line},{Column}): error {Code}: {Message}";

    /// <inheritdoc/>
    public override string ToString() => ToString(File);
}

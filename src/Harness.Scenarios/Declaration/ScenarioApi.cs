namespace Harness.Scenarios;

/// <summary>
/// What a script sees at its top level through <c>using static</c>. Every overload declares one scenario into the collector of the script being
/// loaded; a declaration at fault becomes a <see cref="DeclarationProblem"/> of that collector.
/// </summary>
public static class ScenarioApi
{
    /// <summary>Declares a scenario.</summary>
    /// <param name="title">Free text.</param>
    /// <param name="body">Runs the scenario.</param>
    /// <param name="covers">Coverage ids, separated by commas.</param>
    /// <param name="name">Tells several scenarios of one file apart: letters, digits and <c>-</c>.</param>
    /// <param name="parameters">An anonymous object: each property is a parameter and part of the id.</param>
    /// <param name="file">Filled in by the compiler.</param>
    /// <param name="line">Filled in by the compiler.</param>
    /// <exception cref="InvalidOperationException">No script is being loaded.</exception>
    public static void Scenario(string title, Action<ScenarioContext> body, string? covers = null, string? name = null, object? parameters = null,
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ScenarioCollector.Current.Add(title, covers, name, parameters, body, file, line);
    }

    /// <inheritdoc cref="Scenario(string, Action{ScenarioContext}, string?, string?, object?, string, int)"/>
    public static void Scenario(string title, string covers, Action<ScenarioContext> body,
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ScenarioCollector.Current.Add(title, covers, null, null, body, file, line);
    }

    /// <inheritdoc cref="Scenario(string, Action{ScenarioContext}, string?, string?, object?, string, int)"/>
    public static void Scenario(string title, string covers, string name, Action<ScenarioContext> body,
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ScenarioCollector.Current.Add(title, covers, name, null, body, file, line);
    }

    /// <inheritdoc cref="Scenario(string, Action{ScenarioContext}, string?, string?, object?, string, int)"/>
    public static void Scenario(string title, string covers, object parameters, Action<ScenarioContext> body,
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ScenarioCollector.Current.Add(title, covers, null, parameters, body, file, line);
    }

    /// <inheritdoc cref="Scenario(string, Action{ScenarioContext}, string?, string?, object?, string, int)"/>
    public static void Scenario(string title, string covers, string name, object parameters, Action<ScenarioContext> body,
        [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ScenarioCollector.Current.Add(title, covers, name, parameters, body, file, line);
    }
}

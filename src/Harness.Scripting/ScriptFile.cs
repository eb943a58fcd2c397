namespace Harness.Scripting;

/// <summary>A script to load.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Id"><c>topic/file</c>: the path below <paramref name="Root"/> without extension, with forward slashes.</param>
/// <param name="Root">Full path of the folder that ids count from.</param>
public sealed record ScriptFile(string Path, string Id, string Root);

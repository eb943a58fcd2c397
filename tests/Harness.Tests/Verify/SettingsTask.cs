using System.Runtime.CompilerServices;

namespace VerifyTests;

/// <summary>A verification that starts when it is awaited, so that settings can follow the call.</summary>
public sealed class SettingsTask
{
    private readonly VerifySettings _settings;
    private readonly Func<VerifySettings, Task> _verify;
    private Task? _task;

    internal SettingsTask(VerifySettings settings, Func<VerifySettings, Task> verify)
    {
        _settings = settings;
        _verify = verify;
    }

    /// <summary>Starts the verification.</summary>
    public static implicit operator Task(SettingsTask settingsTask) => settingsTask.ToTask();

    /// <inheritdoc cref="VerifySettings.UseDirectory"/>
    public SettingsTask UseDirectory(string directory)
    {
        _settings.UseDirectory(directory);
        return this;
    }

    /// <inheritdoc cref="VerifySettings.UseFileName"/>
    public SettingsTask UseFileName(string fileName)
    {
        _settings.UseFileName(fileName);
        return this;
    }

    /// <inheritdoc cref="VerifySettings.UseParameters"/>
    public SettingsTask UseParameters(params object?[] parameters)
    {
        _settings.UseParameters(parameters);
        return this;
    }

    /// <summary>Starts the verification, once.</summary>
    public Task ToTask() => _task ??= _verify(_settings);

    /// <summary>Makes it awaitable.</summary>
    public TaskAwaiter GetAwaiter() => ToTask().GetAwaiter();
}

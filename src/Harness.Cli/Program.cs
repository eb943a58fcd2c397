using System.Runtime.InteropServices;
using Harness.Cli;

using var cancellation = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
using var output = Console.OpenStandardOutput();
using var error = Console.OpenStandardError();
using var environment = new CommandEnvironment(output, error, Folder())
{
    Input = Console.OpenStandardInput(),
    Variable = Environment.GetEnvironmentVariable,
    IsTerminal = !Console.IsOutputRedirected,
    Width = Console.IsOutputRedirected ? 0 : Console.WindowWidth,
    Cancellation = cancellation.Token,
};
ScriptConsole.Install(environment.Error);

// A script that ends the process takes the results of all others with it: no success, whatever code it asks for.
var hasReturned = false;
AppDomain.CurrentDomain.ProcessExit += (_, _) =>
{
    if (!hasReturned)
    {
        error.Write("harness: a script ended the process; there is no result of anything\n"u8);
        Environment.ExitCode = ExitCode.Failed;
    }
};
var code = CommandLine.Run(args, environment);
hasReturned = true;
return code;

// A folder that was removed while somebody stood in it has no name: the root then stands for it, in which nothing is found.
static string Folder()
{
    try
    {
        return Environment.CurrentDirectory;
    }
    catch (FileNotFoundException)
    {
        return Path.GetPathRoot(AppContext.BaseDirectory)!;
    }
}

void Cancel(PosixSignalContext context)
{
    context.Cancel = true;
    cancellation.Cancel();
}

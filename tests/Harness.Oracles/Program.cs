using Harness.Oracles.Bochs;

try
{
    return args switch
    {
        ["bochs", "record"] => BochsCommands.Record(Console.Out, ""),
        ["bochs", "record", var suite] => BochsCommands.Record(Console.Out, suite),
        ["bochs", "verify"] => BochsCommands.Verify(Console.Out),
        ["bochs", "table"] => BochsCommands.Table(Console.Out),
        _ => Usage(),
    };
}
catch (Exception error) when (error is FormatException or InvalidOperationException)
{
    Console.Error.WriteLine(error.Message);
    return 1;
}

static int Usage()
{
    Console.Error.WriteLine("usage: bochs record [SUITE] | bochs verify | bochs table");
    return 2;
}

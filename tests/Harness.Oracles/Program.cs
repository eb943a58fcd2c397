using Harness.Oracles.Bochs;

return args switch
{
    ["bochs", "record"] => BochsCommands.Record(Console.Out),
    ["bochs", "verify"] => BochsCommands.Verify(Console.Out),
    ["bochs", "table"] => BochsCommands.Table(Console.Out),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: bochs record | bochs verify | bochs table");
    return 2;
}

#load "../prelude.csx"

// Adams and Agesen, ASPLOS 2006, section 6.4: cycles of the machine itself, the software and the hardware monitor; of "syscall" what the software adds.
// Given: what the cost profile takes from this very benchmark, so that it cannot be wrong here; everything else is predicted from other measurements.
const uint Tables = 0x30000, Absent = 0x5000, Priority = 0xFEE00080;
(string Name, bool Exits, double[] Paper, string Given, Action<GuestAssembler, GuestLabel> Operation)[] benchmarks =
[
    ("syscall", false, [0, 2000, 0], "", (a, _) => { a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector); }),
    ("in", true, [3209, 214, 15826], "native", (a, _) => a.@in(al, 0x80)),
    ("tpr", true, [140, 35, 140], "", (a, _) => a.mov(__dword_ptr[Priority], ecx)),   // the paper's 64-bit cr8wr: there hardware has a register for it
    ("callret", false, [11, 51, 11], "sw", (a, routine) => a.call(routine)),
    ("pgfault", true, [1093, 3927, 11242], "native, sw", (a, _) => a.mov(eax, __dword_ptr[ebp])),
    ("divzero", false, [889, 3223, 1014], "native, sw", (a, _) => a.div(ebx)),
    ("ptemod", true, [1, 391, 12733], "sw", (a, _) => a.mov(__dword_ptr[edi], esi)),
];
foreach (var (name, exits, paper, given, operation) in benchmarks)
{
    Scenario($"Nanobenchmark {name}: the machine itself, a software and a hardware monitor", covers: name == "tpr" ? "H2, B6" : "H2", new { operation = name }, s =>
    {
        const int Few = 10, Rounds = 100;
        RunSet Run(int rounds) => s.Run(Kernel(name == "syscall", operation, rounds), settings: new RunSettings
        {
            Monitors = Monitor.Deprivileged | Monitor.Translating | Monitor.HardwareAssisted,
            Devices = new GuestDevices { TaskPriority = true },
        });

        var (few, many) = (Run(Few), Run(Few + Rounds));
        many.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        many.On("vtx", e => e.Should().HaveExits(exits ? Few + Rounds : 0, at: "operation"));
        double Cycles(string engine) => (many[engine].Cycles - few[engine].Cycles) / (double)Rounds - 2;   // without the loop's own two
        string Ratio(double a, double b) => b > 0 ? $"{a / b:F2}" : "";
        string Row(string who, double n, double sw, double hw) => $"{who,10} {n,8:F0} {sw,8:F0} {hw,8:F0} {Ratio(sw, n),9} {Ratio(hw, n),9} {Ratio(hw, sw),9}".TrimEnd();
        var (native, software, hardware) = (Cycles("bare"), Cycles("translate"), Cycles("vtx"));
        s.Fact("cycles of an operation", [
            $"{"",10} {"native",8} {"sw",8} {"hw",8} {"sw/native",9} {"hw/native",9} {"hw/sw",9}",
            Row("here", native, software, hardware), Row("the paper", paper[0], paper[1], paper[2]),
            $"given by the cost profile: {(given.Length > 0 ? given : "none")}"]);
        (software < hardware).Should().Be(exits, "the monitor in hardware wins by far where the guest needs none, and nowhere else");
        (hardware > 1.2 * native).Should().Be(exits);
        (software < native).Should().Be(name == "in", "only a port is so slow that a call out of the translation cache is faster");
    });
}

// A loop around the operation, in the kernel with paging on, or in a program.
GuestImage Kernel(bool inProgram, Action<GuestAssembler, GuestLabel> operation, int rounds) => Guest.Kernel(k =>
{
    k.OnFault(Vector.PF, a => { a.add(esp, 4); a.add(__dword_ptr[esp], 3); a.iretd(); });
    k.OnFault(Vector.DE, a => { a.add(__dword_ptr[esp], 2); a.iretd(); });
    void Loop(GuestAssembler a)
    {
        var (start, again) = (a.CreateLabel(), a.CreateLabel());
        a.jmp(start);
        var routine = a.Here("routine"); a.ret();
        a.Label(start);
        a.mov(ecx, rounds); a.mov(ebx, 0); a.mov(ebp, Absent); a.mov(edi, Tables + 0x1018); a.mov(esi, 0x6003);   // the entry of page 6000h
        a.Label(again);
        using (a.Mark("operation")) { operation(a, routine); }
        a.dec(ecx); a.jne(again);
    }

    if (inProgram)
    {
        k.Paging = GuestPaging.Paging32;
        k.SystemCall(1, a => a.nop());
        k.User(Loop);
        return;
    }

    k.Boot(a =>
    {
        var tables = new PageTables(GuestPaging.Paging32, Tables);
        tables.Map(0, 0, Absent, PageRights.Write); tables.Map(0x6000, 0x6000, 0xFA000, PageRights.Write);
        tables.Map(0xFEE00000, 0xFEE00000, 0x1000, PageRights.Write);
        a.mov(eax, tables.Directory); a.mov(cr3, eax);
        a.mov(eax, cr0); a.or(eax, unchecked((int)Cr0.PG)); a.mov(cr0, eax);
        Loop(a);
        a.Done();
        tables.Emit(a);
    });
});

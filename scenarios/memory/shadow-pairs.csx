#load "../prelude.csx"

// Where the guest's kernel shares ring 3 with its users, a pair of shadows for each address space keeps its pages from them; what is mapped in both faults twice, and every way into the kernel loads CR3.
foreach (string paging in new[] { "virtual-tlb", "cached" })
{
    foreach (string shadows in new[] { "one", "two" })
    {
        Scenario($"System calls that write to their caller's memory, shadows {shadows}, {paging}", covers: "E1,E2", new { paging, shadows }, s =>
        {
            const uint Data = GuestLayout.ProcessBase + 0x8000, Secret = 0x9800;
            void Ask(GuestAssembler a) { a.mov(eax, 1); a.@int(GuestKernel.SystemCallVector); }
            RunSet Run(int rounds) => s.Run(
                Guest.Kernel(k =>
                {
                    k.Paging = GuestPaging.Paging32;
                    k.SystemCall(1, a => { a.inc(__dword_ptr[Secret]); a.inc(__dword_ptr[Data]); });
                    k.OnFault(Vector.PF, a => { a.mov(esi, cr2); a.Done(); });
                    foreach (int program in new[] { 1, 2 })
                    {
                        k.User(a =>
                        {
                            a.mov(ecx, rounds);
                            var again = a.Here("again");
                            Ask(a); a.inc(__dword_ptr[Data]); k.Yield(a);
                            a.dec(ecx); a.jne(again);
                            Ask(a); a.Mark($"peek {program}"); a.mov(ebx, __dword_ptr[Secret]); a.nop();
                        });
                    }
                }),
                settings: new RunSettings { Monitors = Monitor.Deprivileged, EngineOptions = new Dictionary<string, string> { ["paging"] = paging, ["shadows"] = shadows }, CountCr3Loads = true });

            var (few, many) = (Run(4), Run(14));                 // 20 rounds more
            (many.Bare.Esi, many.Bare.Memory(GuestLayout.Processes + 0x8000)).Should().Be((Secret, 29));
            many.Each(Monitor.Deprivileged, e => e.Equivalence.Holds.Should().Be(e.Engine == "trap013" || shadows == "two", "a user sees what its kernel touched"));
            long More(GuestRun e, EngineEventKind kind, string reason) => e.Events.Count(kind, reason: reason) - few[e.Engine].Events.Count(kind, reason: reason);
            s.Fact("of 20 rounds", [.. many.All.Where(e => e.Kind == Monitor.Deprivileged).Select(e =>
                $"{e.Engine} {More(e, EngineEventKind.HiddenFault, "shadow-miss")} hidden faults, loads of CR3: {More(e, EngineEventKind.Cr3Load, "switch")} with another value, {More(e, EngineEventKind.Cr3Load, "flush")} with the same")]);
        });
    }
}

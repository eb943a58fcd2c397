#load "../prelude.csx"

Scenario("exec puts a program in a process's place; each time it begins in the memory that it was built with", covers: "A1, D1", s =>
{
    const uint Counter = GuestLayout.ProcessBase + 0x4000;
    var guest = Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        int counts = k.Program(a =>
        {
            a.mov(ebp, eax);                             // 0: registers start anew
            a.inc(__dword_ptr[Counter]);
            a.mov(ebx, __dword_ptr[Counter]);
            k.Print(a, "counts ");
            a.test(ebp, ebp);
            var good = a.CreateLabel();
            a.je(good);
            k.Print(a, "wrongly ");
            a.Label(good);
        });
        k.User(a =>
        {
            a.mov(__dword_ptr[Counter], 5);
            a.mov(esi, 2);
            var again = a.Here("again");
            var parent = a.CreateLabel();
            k.Fork(a);
            a.test(eax, eax); a.jne(parent);
            k.Exec(a, counts);
            a.Label(parent);
            k.Wait(a);
            a.dec(esi); a.jne(again);
            a.mov(esi, __dword_ptr[Counter]);
            a.Done();
        });
    });

    var run = s.Run(guest);
    run.Bare.Console.Should().Be("counts counts ");
    run.Bare.Esi.Should().Be(5, "a child's memory is not its parent's");
    run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
});

#load "../prelude.csx"

// A sieve of Eratosthenes: in a program, which every monitor but the interpreters runs directly, and in the kernel, which translation has to copy first.
foreach (bool inKernel in new[] { false, true })
{
    Scenario($"Compute-bound code costs next to nothing under every monitor but an interpreter, in the kernel: {inKernel}", covers: "H4", new { inKernel }, s =>
    {
        const uint Numbers = 24_576, Sieve = 0x90000;
        uint sieve = inKernel ? Sieve : GuestLayout.ProcessBase + 0x8000;
        void Primes(GuestAssembler a)
        {
            var (next, strike, composite) = (a.CreateLabel(), a.CreateLabel(), a.CreateLabel());
            a.mov(ebx, 2); a.xor(esi, esi);
            a.Label(next);
            a.cmp(__byte_ptr[ebx + (int)sieve], 0); a.jne(composite);
            a.inc(esi); a.mov(edx, ebx);
            a.Label(strike);
            a.mov(__byte_ptr[edx + (int)sieve], 1);
            a.add(edx, ebx); a.cmp(edx, Numbers); a.jb(strike);
            a.Label(composite);
            a.inc(ebx); a.cmp(ebx, Numbers); a.jb(next);
        }

        var guest = Guest.Kernel(k =>
        {
            k.Paging = inKernel ? GuestPaging.None : GuestPaging.Paging32;
            if (inKernel) { k.Boot(Primes); } else { k.User(Primes); }
        });
        var run = s.Run(guest);
        run.Bare.Esi.Should().Be(2725, "so many primes are below 24,576");
        run.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        MonitorKind interpreted = Monitor.Interpreter | (inKernel ? Monitor.Hybrid : MonitorKind.None);
        run.Each(interpreted, e => e.Efficiency.Share.Should().BeLessThan(0.01));
        run.Each(Monitor.Any & ~interpreted, e =>
        {
            double ratio = e.Cycles / (double)run.Bare.Cycles;
            s.Fact(e.Engine, [$"{e.Efficiency.Share:P2} without the monitor, {ratio:F2} times the cycles"]);
            e.Efficiency.Share.Should().BeGreaterThan(0.99);
            ratio.Should().BeLessThan(1.25);
        });
    });
}

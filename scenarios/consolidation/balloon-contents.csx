#load "../prelude.csx"

// What a monitor has made of a page (descriptors, translations) goes with the page's bytes: given and taken back, it holds zeros.
const uint Page = 0x92000, Give = 0x588, TakeBack = 0x58C;

GuestImage Lose(Action<GuestAssembler> use, Action<GuestAssembler> useAgain) => Guest.Kernel(k =>
{
    k.NotParavirtual("the kernel loads its own descriptor tables");
    k.OnFault(Vector.GP, a => { a.pop(esi); a.Done(); });
    k.Boot(a =>
    {
        use(a);
        foreach (uint port in new[] { Give, TakeBack }) { a.mov(eax, Page >> 12); a.mov(edx, port); a.@out(dx, eax); }
        useAgain(a);
        a.Done();
    });
});

var guests = new (string Name, GuestImage Guest)[]
{
    ("descriptors", Lose(
        a =>
        {
            a.mov(esi, GuestLayout.Gdt); a.mov(edi, Page); a.mov(ecx, 0x40); a.rep.movsd();
            a.mov(__word_ptr[0x9810], 0x4F); a.mov(__dword_ptr[0x9812], Page); a.lgdt(__[0x9810]);
            a.mov(eax, 0x10); a.mov(gs, eax);
        },
        a => { a.mov(__dword_ptr[Page + 8], 0xFFFF); a.mov(__dword_ptr[Page + 12], 0x00CF9B00); a.Mark("stale"); a.mov(eax, 0x10); a.mov(gs, eax); })),
    ("code", Lose(
        a => { a.mov(__dword_ptr[Page], 0xC343); a.mov(edi, Page); a.call(edi); a.call(edi); },   // INC EBX, RET
        a => { a.mov(__byte_ptr[Page + 0x10], 0xC3); a.mov(eax, 0x9900); a.call(edi); })),      // ADD [EAX], AL eight times, RET
};

foreach (var (name, guest) in guests)
{
    Scenario($"A page that is given to the balloon takes along what was made of it: {name}", "E6", new { name }, s =>
    {
        var alone = s.Run(guest, settings: new RunSettings { Devices = new GuestDevices { Balloon = true } });
        (alone.Bare.Esi, alone.Bare.Ebx).Should().Be(name == "code" ? (alone.Bare.Esi, 2) : (0x10, alone.Bare.Ebx));
        alone.Each(Monitor.Any, e => e.Should().MatchBare().And.ControlResources());
        s.Hosted(400, h => { h.Machine("a", guest, balloon: true); h.Machine("b", guest, balloon: true); }).Each(Monitor.Any, h => h["a"].Run.Should().MatchBare());
    });
}

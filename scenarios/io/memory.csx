#load "../prelude.csx"

const uint Routine = 0x80000, Window = 0x90000, Table = GuestLayout.ProcessTables + 0x1000;
const uint Entry = Table + (Window >> 12) * 4;

// Sectors: a routine that returns 2, one that returns 3, and entries of a page table that map pages from Window on to 81000h and behind.
byte[] Code(byte value) => [0xB8, value, 0, 0, 0, 0xC3, .. new byte[506]];
byte[] entries = [.. Enumerable.Range(0, 128).SelectMany(i => BitConverter.GetBytes(0x81000 + (uint)i * 0x1000 | PageEntry.P | PageEntry.RW))];
byte[] disk = [.. Code(2), .. Code(3), .. entries, .. new byte[512]];

Scenario("What a device writes by itself is seen by translated code and by shadow page tables, and no page table of a paravirtual kernel takes it", covers: "D2, C5, E2", s =>
{
    var guest = Guest.Kernel(k =>
    {
        k.Paging = GuestPaging.Paging32;
        k.UseRing(RingWait.Poll);
        k.Boot(a =>
        {
            a.xor(edi, edi); a.xor(esi, esi);
            for (int i = 0; i < 4; i++)                     // the routine changes under the processor, twice
            {
                a.mov(ebx, i / 2); a.mov(ecx, Routine); a.mov(edx, 1);
                k.ReadRing(a);
                a.mov(eax, Routine); a.call(eax);
                a.shl(edi, 4); a.or(edi, eax);
            }

            a.mov(__dword_ptr[0x81000], 0x5A5A); a.mov(__dword_ptr[Window], 0x1234);
            a.mov(ebx, 2); a.mov(ecx, Entry); a.mov(edx, 1);
            k.ReadRing(a);                                  // the page table changes under the monitor
            a.mov(ebp, eax);
            a.mov(eax, cr3); a.mov(cr3, eax);
            a.mov(esi, __dword_ptr[Window]);
        });
    });

    foreach (var (paging, ring) in new[] { ("virtual-tlb", "emulated"), ("cached", "emulated"), ("cached", "dedicated") })
    {
        var run = s.Run(guest, settings: new RunSettings { Devices = new GuestDevices { RingDisk = () => DiskImage.FromBytes(disk) }, EngineOptions = new Dictionary<string, string> { ["paging"] = paging, ["ring"] = ring } });
        (run.Bare.Edi, run.Bare.Ebp, run.Bare.Esi).Should().Be((0x2233, 0, 0x5A5A));
        run.Each(Monitor.Unmodified, e => e.Should().MatchBare().And.ControlResources());
        run.Each(Monitor.Paravirtual, e => (e.Edi, e.Ebp, e.Esi).Should().Be((0x2233, uint.MaxValue, 0x1234), "its page tables are the processor's: the device may not write there"));
    }
});

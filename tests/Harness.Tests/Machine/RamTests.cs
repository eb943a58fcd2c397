using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Machine.Devices;
using NUnit.Framework;

namespace Harness.Tests.Machine;

internal sealed class RamTests
{
    private const long Bytes = 0x123000;
    private const long RomBytes = 0x2000;

    [Test]
    public void Memory_is_zero_whatever_a_machine_before_has_left_in_the_block()
    {
        for (int round = 0; round < 20; round++)
        {
            using var ram = new Ram(Bytes, RomBytes);
            ram.Read(0, (int)ram.TotalBytes).IndexOfAnyExcept((byte)0).Should().Be(-1);
            var memory = new PhysicalMemory(ram, 0);
            memory.MapRam(0, Bytes, 0, MapSide.Both);
            for (int page = round; page < Bytes / Ram.PageSize; page += 7)
            {
                memory.Write(new PhysicalAddress((ulong)page * Ram.PageSize + 5), [0xA5]);
                memory.WriteWord(new PhysicalAddress((ulong)page * Ram.PageSize + 8), 4, 0x5A5A5A5A);
            }

            ram.AddRom([1, 2, 3]);
            memory.ReadWord(new PhysicalAddress((ulong)round * Ram.PageSize + 8), 4).Should().Be(0x5A5A5A5A);
        }
    }
}

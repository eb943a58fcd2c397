using FluentAssertions;
using Harness.Machine.Devices;
using NUnit.Framework;

namespace Harness.Tests.Machine.Devices;

public sealed class AtaChannelTests
{
    private static byte[] Image(int sectors)
    {
        var image = new byte[sectors * 512];
        for (var i = 0; i < image.Length; i++)
        {
            image[i] = (byte)(i / 512 * 7 + i);
        }

        return image;
    }

    private static Board WithDisk(byte[] image) => new(options => options with { Disks = [DiskImage.FromBytes(image)] });

    private static byte WaitNotBusy(Board board)
    {
        while ((board.In(0x3F6) & 0x80) != 0)
        {
            board.Pass(10);
        }

        return board.In(0x1F7);
    }

    private static byte Command(Board board, byte command, int sector, byte count, byte device = 0xE0)
    {
        board.Out(0x1F6, device);
        board.Out(0x1F2, count);
        board.Out(0x1F3, (byte)sector);
        board.Out(0x1F4, (byte)(sector >> 8));
        board.Out(0x1F5, (byte)(sector >> 16));
        board.Out(0x1F7, command);
        board.In(0x1F7).Should().Be(device >= 0xF0 ? (byte)0 : (byte)0x80);
        return WaitNotBusy(board);
    }

    private static byte[] ReadData(Board board, int bytes, int size)
    {
        var data = new byte[bytes];
        for (var i = 0; i < bytes; i += size)
        {
            BitConverter.GetBytes(board.Platform.In(0x1F0, size)).AsSpan(0, size).CopyTo(data.AsSpan(i));
        }

        return data;
    }

    private static void WriteData(Board board, ReadOnlySpan<byte> data)
    {
        for (var i = 0; i < data.Length; i += 2)
        {
            board.Platform.Out(0x1F0, 2, BitConverter.ToUInt16(data[i..]));
        }
    }

    [Test]
    public void Identify_tells_size_LBA48_and_that_there_is_no_slave()
    {
        var board = WithDisk(Image(2048));
        Command(board, 0xEC, 0, 0).Should().Be(0x58);
        var words = new ushort[256];
        Buffer.BlockCopy(ReadData(board, 512, 2), 0, words, 0, 512);
        (words[60] | words[61] << 16).Should().Be(2048);
        (words[100] | words[101] << 16).Should().Be(2048);
        (words[49] & 0x0300).Should().Be(0x0200, "LBA, and no DMA");
        (words[83] & 0xC400).Should().Be(0x4400);
        (words[93] & 0xDF61).Should().Be(0x4041);
        ((char)(words[27] >> 8)).Should().Be('H');
        WaitNotBusy(board).Should().Be(0x50);
    }

    [Test]
    public void Packet_identify_and_DMA_are_aborted()
    {
        var board = WithDisk(Image(8));
        foreach (var command in new byte[] { 0xA1, 0xA0, 0xC8, 0x25, 0x08, 0xFE })
        {
            Command(board, command, 0, 1).Should().Be(0x51);
            board.In(0x1F1).Should().Be(0x04);
        }
    }

    [Test]
    public void An_absent_slave_answers_zero_and_an_empty_channel_ones()
    {
        var board = WithDisk(Image(8));
        Command(board, 0xEC, 0, 0, device: 0xF0).Should().Be(0);
        board.Out(0x1F2, 0x55);
        board.Out(0x1F3, 0xAA);
        board.In(0x1F2).Should().Be(0x55);
        board.In(0x1F3).Should().Be(0xAA);
        board.In(0x177).Should().Be(0xFF);
    }

    [TestCase(0x20, 2)]
    [TestCase(0x20, 4)]
    public void Read_sectors_gives_each_sector_with_an_interrupt(byte command, int size)
    {
        var image = Image(64);
        var board = WithDisk(image);
        board.InitializePic(0x4000);
        Command(board, command, 3, 3).Should().Be(0x58);
        for (var sector = 3; sector < 6; sector++)
        {
            board.UntilInterrupt();
            board.In(0x1F7).Should().Be(0x58);
            ReadData(board, 512, size).Should().Equal(image[(sector * 512)..(sector * 512 + 512)]);
        }

        board.In(0x1F7).Should().Be(0x50);
    }

    [Test]
    public void Interrupts_reach_IRQ_14_and_reading_the_status_lowers_it()
    {
        var board = WithDisk(Image(64));
        board.InitializePic(0x4000);
        board.Out(0x1F6, 0xE0);
        board.Out(0x1F2, 1);
        board.Out(0x1F7, 0x20);
        board.UntilInterrupt();
        board.In(0x3F6).Should().Be(0x58);
        board.Platform.InterruptPending.Should().BeTrue("the alternate status leaves it");
        board.In(0x1F7);
        board.Platform.InterruptPending.Should().BeFalse();
        board.Out(0x3F6, 0x02);
        board.Out(0x1F7, 0xE7);
        board.Pass(10_000);
        board.Platform.InterruptPending.Should().BeFalse("nIEN is set");
    }

    [Test]
    public void Written_sectors_read_back_and_the_image_stays()
    {
        var image = Image(64);
        var original = image.ToArray();
        var board = WithDisk(image);
        var data = Image(64)[1000..2024];
        Command(board, 0x30, 9, 2).Should().Be(0x58);
        WriteData(board, data.AsSpan(0, 512));
        WaitNotBusy(board).Should().Be(0x58);
        WriteData(board, data.AsSpan(512));
        WaitNotBusy(board).Should().Be(0x50);

        Command(board, 0xC6, 0, 2).Should().Be(0x50);
        Command(board, 0xC4, 9, 2).Should().Be(0x58);
        ReadData(board, 1024, 2).Should().Equal(data);
        image.Should().Equal(original);
    }

    [Test]
    public void LBA48_takes_the_high_bytes_first_and_HOB_shows_them()
    {
        var image = Image(600);
        var board = WithDisk(image);
        board.Out(0x1F6, 0x40);
        board.Out(0x1F2, 0, 1);
        board.Out(0x1F3, 0, 0x56);
        board.Out(0x1F4, 0, 0x02);
        board.Out(0x1F5, 0, 0);
        board.Out(0x1F7, 0x24);
        WaitNotBusy(board).Should().Be(0x58);
        ReadData(board, 512, 2).Should().Equal(image[(598 * 512)..(599 * 512)]);

        board.Out(0x1F3, 0x12, 0x56);
        board.In(0x1F3).Should().Be(0x56);
        board.Out(0x3F6, 0x80);
        board.In(0x1F3).Should().Be(0x12);
        board.Out(0x1F7, 0x24);
        WaitNotBusy(board).Should().Be(0x51, "the high byte counts, and the disk is smaller");
    }

    [Test]
    public void CHS_addresses_follow_the_geometry()
    {
        var image = Image(2048);
        var board = WithDisk(image);
        board.Out(0x1F6, 0xA1);
        board.Out(0x1F2, 1);
        board.Out(0x1F3, 5);
        board.Out(0x1F4, 1);
        board.Out(0x1F5, 0);
        board.Out(0x1F7, 0x20);
        WaitNotBusy(board).Should().Be(0x58);
        const int Sector = (16 + 1) * 63 + 4;
        ReadData(board, 512, 2).Should().Equal(image[(Sector * 512)..(Sector * 512 + 512)]);
    }

    [Test]
    public void A_sector_beyond_the_disk_is_not_found()
    {
        var board = WithDisk(Image(8));
        Command(board, 0x20, 8, 1).Should().Be(0x51);
        board.In(0x1F1).Should().Be(0x10);
        Command(board, 0x20, 7, 2).Should().Be(0x58, "the first of two is there");
        ReadData(board, 512, 2);
        WaitNotBusy(board).Should().Be(0x51);
    }

    [Test]
    public void Software_reset_leaves_the_signature()
    {
        var board = WithDisk(Image(8));
        board.Out(0x3F6, 0x04);
        board.In(0x1F7).Should().Be(0x80);
        board.Out(0x3F6, 0x00);
        WaitNotBusy(board).Should().Be(0x50);
        new[] { board.In(0x1F1), board.In(0x1F2), board.In(0x1F3), board.In(0x1F4), board.In(0x1F5) }.Should().Equal(1, 1, 1, 0, 0);
    }

    [Test]
    public void Set_features_takes_programmed_IO_modes_only()
    {
        var board = WithDisk(Image(8));
        board.Out(0x1F1, 0x03);
        Command(board, 0xEF, 0, 0x0C).Should().Be(0x50);
        board.Out(0x1F1, 0x03);
        Command(board, 0xEF, 0, 0x45).Should().Be(0x51);
    }

    [Test]
    public void An_image_that_ends_inside_a_sector_is_filled_with_zeros()
    {
        var disk = DiskImage.FromBytes(new byte[] { 1, 2, 3 });
        disk.Sectors.Should().Be(1);
        var sector = new byte[512];
        disk.Read(0, sector);
        sector[..4].Should().Equal(1, 2, 3, 0);
    }
}

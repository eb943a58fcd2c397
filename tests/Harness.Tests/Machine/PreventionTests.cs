using FluentAssertions;
using Harness.Isa;
using Harness.Machine;
using Harness.Tests.Classification;
using Iced.Intel;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;
using Vector = Harness.Isa.Vector;

namespace Harness.Tests.Machine;

/// <summary>
/// Supervisor-mode execution and access prevention (SDM Vol. 3A, 4.6 and 4.7) on a yonah that has both. Code and stack lie on the supervisor's pages, a page of data and
/// one of descriptors on the user's.
/// </summary>
public sealed class PreventionTests
{
    private const uint UserData = 0x5000;
    private const uint UserTable = 0x6000;
    private static readonly ProcessorModel Model = TestModels.Edit("yonah", root =>
    {
        root["features"]!.AsArray().Add("Smep");
        root["features"]!.AsArray().Add("Smap");
        root["instructionSets"]!.AsArray().Add("SMAP");
        root["msrs"]!.AsArray().Single(m => (string?)m!["number"] == "489")!["reset"] = "3021FF";
    });

    [Test]
    public void Access_prevention_keeps_the_supervisor_from_the_user_s_data_unless_ac_is_set()
    {
        Run(Cr4.SMAP, a => a.mov(eax, __dword_ptr[UserData])).Should().Be(PageFault(1u, UserData));
        Run(Cr4.SMAP, a => a.mov(__dword_ptr[UserData], eax)).Should().Be(PageFault(3u, UserData));
        Run(Cr4.SMAP, a => a.mov(eax, __dword_ptr[0x7000])).Should().BeNull("the page is the supervisor's");
        Run(0, a => a.mov(eax, __dword_ptr[UserData])).Should().BeNull();
        Run(Cr4.SMAP, a =>
        {
            a.stac();
            a.mov(eax, __dword_ptr[UserData]);
            a.mov(__dword_ptr[UserData], eax);
        }).Should().BeNull();
        Run(Cr4.SMAP, a =>
        {
            a.stac();
            a.mov(__dword_ptr[UserData], eax);
            a.clac();
            a.mov(__dword_ptr[UserData], eax);
        }).Should().Be(PageFault(3u, UserData), "nothing of the access before is kept");
    }

    [Test]
    public void Access_prevention_takes_no_ac_for_an_access_to_a_descriptor_table()
    {
        Run(Cr4.SMAP, a =>
        {
            a.stac();
            a.mov(eax, 0x10);
            a.mov(ds, eax);
        }).Should().Be(PageFault(1u, UserTable + 0x10));
        Run(0, a =>
        {
            a.mov(eax, 0x10);
            a.mov(ds, eax);
        }).Should().BeNull();
    }

    [Test]
    public void Execution_prevention_keeps_the_supervisor_from_the_user_s_code()
    {
        Run(Cr4.SMEP, a => a.jmp(UserData)).Should().Be(PageFault(0x11u, UserData), "the error code tells of a fetch where SMEP is on");
        Run(Cr4.SMAP, a => a.jmp(UserData)).Should().BeNull();
        Run(Cr4.SMEP, a => a.mov(eax, __dword_ptr[UserData])).Should().BeNull();
    }

    [Test]
    public void Stac_and_clac_are_undefined_outside_CPL_0_and_without_access_prevention()
    {
        foreach (Action<Assembler> instruction in (Action<Assembler>[])[a => a.stac(), a => a.clac()])
        {
            Run(0, instruction, cpl: 3).Should().Be((Vector.UD, (uint?)null, 0u));
            Run(0, instruction, model: ProcessorModel.Load("yonah")).Should().Be((Vector.UD, (uint?)null, 0u));
            Run(0, instruction).Should().BeNull();
        }
    }

    private static (Vector, uint?, uint) PageFault(uint errorCode, uint address) => (Vector.PF, errorCode, address);

    /// <summary>The first fault, with its error code and CR2; null: the code ran to its end.</summary>
    private static (Vector Vector, uint? ErrorCode, uint Address)? Run(uint cr4, Action<Assembler> code, int cpl = 0, ProcessorModel? model = null)
    {
        using var guest = new ProcessorGuest(model ?? Model);
        guest.TurnPagingOn();
        for (uint page = 0; page < 1024; page++)
        {
            bool user = page is UserData >> 12 or UserTable >> 12 || cpl == 3;
            guest.Put32(0x2000 + page * 4, page << 12 | (user ? 7u : 3u));
        }

        var assembler = new Assembler(32);
        code(assembler);
        using var bytes = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(bytes), ProcessorGuest.CodeAt);
        guest.Put(ProcessorGuest.CodeAt, bytes.ToArray());
        guest.Put(UserData, 0x90, 0x90, 0x90, 0x90);
        guest.Put32(UserTable + 0x10, 0x0000FFFF, 0x00CF9300);
        var faults = new Faults();
        guest.Processor.Events = faults;
        guest.Processor.State.System.Cr4 = cr4;
        guest.Processor.State.Gdtr = new DescriptorTableRegister { Base = UserTable, Limit = 0x1F };
        guest.Processor.State.Cpl = cpl;
        int count = Decode(bytes.ToArray());
        guest.Run(count);
        return faults.First is { } first ? ((Vector, uint?, uint)?)(first.Vector, first.ErrorCode, first.Vector == Vector.PF ? guest.Processor.State.System.Cr2 : 0) : null;
    }

    private static int Decode(byte[] code)
    {
        var decoder = Decoder.Create(32, new ByteArrayCodeReader(code));
        int count = 0;
        while (decoder.IP < (ulong)code.Length)
        {
            decoder.Decode(out Instruction instruction);
            count += instruction.IsJmpShortOrNear ? 2 : 1;
        }

        return count;
    }

    private sealed class Faults : IProcessorEvents
    {
        public (Vector Vector, uint? ErrorCode)? First { get; private set; }

        public void Delivering(byte vector, EventKind kind, uint? errorCode, uint eip, int cpl) => First ??= ((Vector)vector, errorCode);
    }
}

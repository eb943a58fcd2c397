using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FluentAssertions;
using Harness.Isa;
using Iced.Intel;

namespace Harness.Tests.Isa;

/// <summary>
/// Registers and one MiB of memory without paging. Instructions run as the dispatcher runs them: attributes first, and nothing remains of one that faults.
/// </summary>
internal sealed class TestMachine
{
    public const uint Gdt = 0x1000;
    public const uint Idt = 0x1800;
    public const uint Ldt = 0x2800;
    public const uint Tss = 0x3000;
    public const uint OtherTss = 0x3800;
    public const uint Code = 0x10000;
    public const uint StackTop = 0x8000;
    public const uint InnerStackTop = 0x9000;

    // Selectors of the descriptors that Protected lays out.
    public const ushort Code0 = 0x08;
    public const ushort Data0 = 0x10;
    public const ushort Code3 = 0x1B;
    public const ushort Data3 = 0x23;
    public const ushort TaskSelector = 0x28;
    public const ushort OtherTask = 0x30;
    public const ushort LdtSelector = 0x38;

    /// <summary>Free for the test's own descriptor.</summary>
    public const ushort Spare = 0x40;
    public const ushort Conforming = 0x48;
    public const ushort Gate = 0x50;

    private const uint Writable = AccessRights.P | AccessRights.S | AccessRights.WritableOrReadable | AccessRights.DB;
    public const uint CodeRights = Writable | AccessRights.Code;
    public const uint DataRights = Writable;

    private readonly byte[] _memory = new byte[1 << 20];
    private readonly List<(uint Linear, byte Old)> _undo = [];
    private Registers _start;

    public Registers Now;
    public readonly SegmentMemo[] Memos = new SegmentMemo[Enum.GetValues<SegmentRole>().Length];
    public readonly List<(ushort Port, int Size, uint Value)> Written = [];
    public readonly HashSet<Feature> Features = [.. Enum.GetValues<Feature>()];
    public readonly HashSet<uint> AbsentPages = [];
    public readonly Dictionary<uint, ulong> Msrs = [];
    public InterceptKind? Intercept;
    public (InterceptKind Kind, uint Qualifier, uint Value)? Exit;
    public uint PortInput;
    public (Vector Vector, uint ErrorCode)? Fault;
    public uint InstructionEip;
    public int Flushes;
    public bool Halted;
    public bool? Inhibited;
    public uint DebugTrap;
    public bool NmiBlocked = true;

    public ref uint Eax => ref Now.Gpr[0];
    public ref uint Ecx => ref Now.Gpr[1];
    public ref uint Edx => ref Now.Gpr[2];
    public ref uint Ebx => ref Now.Gpr[3];
    public ref uint Esp => ref Now.Gpr[4];
    public ref uint Ebp => ref Now.Gpr[5];

    public uint Flags => Now.Flags | Now.Status.Status;

    /// <summary>Real-address mode at 1000:0000 with a stack at 0800:1000.</summary>
    public static TestMachine Real()
    {
        TestMachine machine = Create();
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            machine.Now.Segments[(int)name].Set(0, 0, 0xFFFF, AccessRights.RealModeData);
        }

        machine.Now.Segments[(int)SegmentName.CS].Set(0x1000, Code, 0xFFFF, AccessRights.RealModeData);
        machine.Now.Segments[(int)SegmentName.SS].Set(0x800, 0x8000, 0xFFFF, AccessRights.RealModeData);
        machine.Esp = 0x1000;
        machine.Now.Idtr = new DescriptorTableRegister { Base = 0, Limit = 0x3FF };
        return machine;
    }

    /// <summary>Protected mode at <paramref name="cpl"/> with flat segments, a 32-bit TSS with an inner stack, a second task and an LDT descriptor.</summary>
    public static TestMachine Protected(int cpl = 0)
    {
        TestMachine machine = Create();
        machine.Now.System.Cr0 = Cr0.PE;
        machine.Now.Gdtr = new DescriptorTableRegister { Base = Gdt, Limit = 0x7F };
        machine.Now.Idtr = new DescriptorTableRegister { Base = Idt, Limit = 0x7FF };
        machine.Define(Code0, Descriptor.Segment(0, uint.MaxValue, CodeRights));
        machine.Define(Data0, Descriptor.Segment(0, uint.MaxValue, DataRights));
        machine.Define(Code3, Descriptor.Segment(0, uint.MaxValue, CodeRights | 0x60));
        machine.Define(Data3, Descriptor.Segment(0, uint.MaxValue, DataRights | 0x60));
        machine.Define(TaskSelector, Descriptor.Segment(Tss, 0xFF, AccessRights.P | SystemType.BusyTss32));
        machine.Define(OtherTask, Descriptor.Segment(OtherTss, 0xFF, AccessRights.P | SystemType.AvailableTss32));
        machine.Define(LdtSelector, Descriptor.Segment(Ldt, 0x3F, AccessRights.P | SystemType.Ldt));
        machine.Define(Conforming, Descriptor.Segment(0, uint.MaxValue, CodeRights | AccessRights.ExpandDownOrConforming));
        machine.Set(Tss + 4, InnerStackTop);
        machine.Set(Tss + 8, (uint)Data0);
        machine.Segment(SegmentName.TR).Set(TaskSelector, Tss, 0xFF, AccessRights.P | SystemType.BusyTss32);
        machine.Segment(SegmentName.LDTR).Set(0, 0, 0, AccessRights.Unusable);
        uint dpl = cpl == 0 ? 0 : AccessRights.DplMask;
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            ushort selector = cpl == 0 ? Data0 : Data3;
            machine.Segment(name).Set(selector, 0, uint.MaxValue, DataRights | AccessRights.Accessed | dpl);
        }

        machine.Segment(SegmentName.CS).Set(cpl == 0 ? Code0 : Code3, 0, uint.MaxValue, CodeRights | AccessRights.Accessed | dpl);
        machine.Now.Cpl = cpl;
        machine.Now.Eip = Code;
        machine.Esp = StackTop;
        return machine;
    }

    /// <summary>Virtual-8086 mode at 1000:0000 with a stack at 0800:1000; the rest as in <see cref="Protected"/>.</summary>
    public static TestMachine Virtual8086(int iopl)
    {
        TestMachine machine = Protected(3);
        machine.Now.Flags |= Eflags.VM | (uint)iopl << Eflags.IoplShift;
        machine.Now.Eip = 0;
        machine.Esp = 0x1000;
        var port = new TestPort(machine);
        for (SegmentName name = SegmentName.ES; name <= SegmentName.GS; name++)
        {
            SegmentLoad.LoadReal(ref port, name, (ushort)(0x4000 + (int)name));
        }

        SegmentLoad.LoadReal(ref port, SegmentName.CS, 0x1000);
        SegmentLoad.LoadReal(ref port, SegmentName.SS, 0x800);
        return machine;
    }

    private static TestMachine Create()
    {
        var machine = new TestMachine { Now = new Registers { Flags = Eflags.Fixed } };
        machine.Now.Status.SetStatus(0);
        return machine;
    }

    public ref SegmentRegister Segment(SegmentName name) => ref Now.Segments[(int)name];

    public void Define(ushort selector, Descriptor descriptor) => Set(Gdt + (uint)(selector & ~7), descriptor.Raw);

    public void DefineGate(byte vector, Descriptor gate) => Set(Idt + vector * 8u, gate.Raw);

    public void Set<T>(uint linear, T value) where T : unmanaged => MemoryMarshal.Write(_memory.AsSpan((int)linear), in value);

    public T Get<T>(uint linear) where T : unmanaged => MemoryMarshal.Read<T>(_memory.AsSpan((int)linear));

    public Descriptor DescriptorAt(ushort selector) => new(Get<ulong>(Gdt + (uint)(selector & ~7)));

    /// <summary>The word that a push of 32 bits left at <paramref name="index"/> from the top of the stack.</summary>
    public uint OnStack(int index) => Get<uint>(Segment(SegmentName.SS).Base + Esp + (uint)index * 4);

    /// <summary>Decodes and runs one instruction at CS:EIP; true when it completed.</summary>
    public bool Run<TInstruction>(params byte[] code) where TInstruction : struct, ISystem
    {
        int bits = (Now.System.Cr0 & Cr0.PE) != 0 && Segment(SegmentName.CS).IsBig ? 32 : 16;
        var decoder = Decoder.Create(bits, code, Now.Eip);
        decoder.Decode(out Instruction instruction);
        typeof(TInstruction).GetCustomAttribute<EncodingsAttribute>()!.Codes.Should().Contain(instruction.Code);
        return Transact((ref TestPort port) =>
        {
            InstructionAttribute attribute = typeof(TInstruction).GetCustomAttribute<InstructionAttribute>()!;
            if (attribute.ProtectedModeOnly && !Mode.IsProtected(ref port))
            {
                return port.Fault(Vector.UD);
            }

            if (attribute.Privilege == Privilege.Supervisor && port.Cpl != 0)
            {
                return port.Fault(Vector.GP);
            }

            port.Eip += (uint)instruction.Length;
            return TInstruction.Execute(ref port, in instruction);
        });
    }

    /// <summary>One step of a string instruction on DS:SI and ES:DI with 32-bit addresses.</summary>
    public bool RunString<TInstruction, T>(StringOperands operands)
        where TInstruction : struct, IString
        where T : unmanaged, System.Numerics.IBinaryInteger<T>, System.Numerics.IUnsignedNumber<T> =>
        Transact((ref TestPort port) => TInstruction.Execute<T, TestPort>(ref port, in operands));

    public bool Deliver(byte vector, EventKind kind, uint? errorCode = null) =>
        Transact((ref TestPort port) => EventDelivery.Deliver(ref port, vector, kind, errorCode, port.Eip));

    /// <summary>Registers and memory go back when the action faults, to where it last committed.</summary>
    public bool Transact(Body body)
    {
        Fault = null;
        Exit = null;
        Commit();
        var port = new TestPort(this);
        if (body(ref port))
        {
            return true;
        }

        for (int index = _undo.Count - 1; index >= 0; index--)
        {
            _memory[_undo[index].Linear] = _undo[index].Old;
        }

        Now = _start;
        return false;
    }

    public delegate bool Body(ref TestPort port);

    public bool Commit()
    {
        _undo.Clear();
        _start = Now;
        InstructionEip = Now.Eip;
        return true;
    }

    public bool Translate(uint linear, int size)
    {
        if (AbsentPages.Contains(linear >> 12) || AbsentPages.Contains(linear + (uint)size - 1 >> 12))
        {
            Fault = (Vector.PF, 0);
            return false;
        }

        return true;
    }

    public bool Store<T>(uint linear, T value) where T : unmanaged
    {
        if (!Translate(linear, Unsafe.SizeOf<T>()))
        {
            return false;
        }

        for (uint index = 0; index < Unsafe.SizeOf<T>(); index++)
        {
            _undo.Add((linear + index, _memory[linear + index]));
        }

        Set(linear, value);
        return true;
    }

    [InlineArray(8)]
    public struct Eight<T>
    {
        private T _first;
    }

    public struct Registers
    {
        public Eight<uint> Gpr;
        public Eight<SegmentRegister> Segments;
        public uint Eip;
        public uint Flags;
        public LazyFlags Status;
        public int Cpl;
        public DescriptorTableRegister Gdtr;
        public DescriptorTableRegister Idtr;
        public SystemRegisters System;
    }
}

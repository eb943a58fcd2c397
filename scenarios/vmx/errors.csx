#load "hypervisor.csx"

// VM-instruction error numbers (SDM Vol. 3C, 31.4) that a processor without SMM monitor, EPT and VPID can give.
var rows = new (int Error, string Why, Action<GuestAssembler> Fail)[]
{
    (1, "VMCALL in VMX root operation", a => a.vmcall()),
    (2, "VMCLEAR with invalid physical address", a => a.vmclear(__qword_ptr[Hypervisor.Pointers + 16])),
    (3, "VMCLEAR with VMXON pointer", a => a.vmclear(__qword_ptr[Hypervisor.Pointers])),
    (4, "VMLAUNCH with non-clear VMCS", a => a.vmlaunch()),
    (5, "VMRESUME with non-launched VMCS", a => a.vmresume()),
    (7, "VM entry with invalid control fields", a => { a.mov(eax, 0x4000); a.xor(edx, edx); a.vmwrite(eax, edx); a.vmlaunch(); }),
    (8, "VM entry with invalid host-state fields", a => { a.mov(eax, 0xC02); a.xor(edx, edx); a.vmwrite(eax, edx); a.vmlaunch(); }),
    (9, "VMPTRLD with invalid physical address", a => a.vmptrld(__qword_ptr[Hypervisor.Pointers + 16])),
    (10, "VMPTRLD with VMXON pointer", a => a.vmptrld(__qword_ptr[Hypervisor.Pointers])),
    (11, "VMPTRLD with incorrect revision identifier", a => a.vmptrld(__qword_ptr[Hypervisor.Pointers + 24])),
    (12, "VMWRITE to unsupported component", a => { a.mov(eax, 0x401C); a.vmwrite(eax, edx); }),
    (13, "VMWRITE to read-only component", a => { a.mov(eax, 0x4402); a.vmwrite(eax, edx); }),
    (15, "VMXON in VMX root operation", a => a.vmxon(__qword_ptr[Hypervisor.Pointers])),
    (26, "VM entry with events blocked by MOV SS", a => { a.mov(ecx, ss); a.mov(ss, ecx); a.vmlaunch(); }),
};

foreach (var row in rows)
{
    Scenario(row.Why, covers: "F1", parameters: new { error = row.Error }, s =>
    {
        var guest = Hypervisor.Build(
            enter: a => { if (row.Error == 4) { a.vmlaunch(); } },          // an exit makes the VMCS a launched one
            exit: a =>
            {
                row.Fail(a);
                a.pushfd(); a.pop(ebp);
                a.mov(eax, 0x4400); a.vmread(ebx, eax);
                a.vmxoff();
                a.Done();
            },
            guest: a => a.vmcall());

        var run = s.Run(guest, settings: new RunSettings { ExposeVirtualization = true });
        run.Bare.Ebx.Should().Be((uint)row.Error);
        run.Bare.Ebp.Should().HaveFlag(Flags.ZF).And.NotHaveFlag(Flags.CF, "VMfailValid");
        run.All.Should().AllSatisfy(e => e.Level(1).OfReason($"error {row.Error}").Should().HaveCount(1));
    });
}

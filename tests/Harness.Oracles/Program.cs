using Harness.Oracles.Bochs;

var b = GuestImage.CreateProtected();
var list = new List<GuestImage>
{
    b.Copy().Code(32, a => a.ud2()),
    b.Copy().AtLevel(3).Code(32, a => { a.nop(); a.ud2(); }),
    GuestImage.CreateReal().Code(16, a => { a.nop(); a.ud2(); }),
    GuestImage.CreateVirtual8086(0).Code(16, a => { a.nop(); a.ud2(); }),
    b.Copy().AtLevel(3).WithPaging().Code(32, a => { a.nop(); a.ud2(); }),
};
byte[] rom = RomBuilder.TryBuild(b, list)!;
Console.WriteLine(BochsRunner.Run(rom));

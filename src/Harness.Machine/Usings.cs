global using System.Numerics;
global using System.Runtime.CompilerServices;
global using System.Runtime.InteropServices;
global using Harness.Isa;
global using Iced.Intel;
global using Vector = Harness.Isa.Vector;

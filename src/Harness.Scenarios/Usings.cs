global using System.Globalization;
global using System.Runtime.CompilerServices;
global using Harness.Isa;
global using Harness.Machine;
global using Iced.Intel;
global using static Iced.Intel.AssemblerRegisters;
global using Descriptor = Harness.Isa.Descriptor;

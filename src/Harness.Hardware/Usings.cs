global using Harness.Isa;
global using Harness.Machine;
global using Iced.Intel;
global using Vector = Harness.Isa.Vector;

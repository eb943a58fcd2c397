global using Harness.Isa;
global using Harness.Machine;
global using Harness.Vmm;

global using Harness.Engines.Shared;
global using Harness.Isa;
global using Harness.Machine;
global using Harness.Vmm;

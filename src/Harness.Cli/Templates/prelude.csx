// Every scenario loads this file. The paths are for editors: harness takes its own assemblies by name. Only a global using reaches the files that load this one.
#r "{bin}/Harness.Scenarios.dll"
#r "{bin}/Harness.Vmm.dll"
#r "{bin}/Harness.Machine.dll"
#r "{bin}/Harness.Isa.dll"
#r "{bin}/Harness.Records.dll"
#r "{bin}/FluentAssertions.dll"
#r "{bin}/Iced.dll"

global using System;
global using System.Collections.Generic;
global using System.Linq;
global using FluentAssertions;
global using Harness.Isa;
global using Harness.Machine;
global using Harness.Machine.Devices;
global using Harness.Scenarios;
global using Harness.Vmm;
global using static Harness.Scenarios.ScenarioApi;
global using static Iced.Intel.AssemblerRegisters;

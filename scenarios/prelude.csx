// Every scenario loads this file. The paths are for editors, after a build: harness takes its own assemblies by name. Only a global using reaches the files that load this one.
#r "../src/Harness.Cli/bin/Debug/net10.0/Harness.Scenarios.dll"
#r "../src/Harness.Cli/bin/Debug/net10.0/Harness.Vmm.dll"
#r "../src/Harness.Cli/bin/Debug/net10.0/Harness.Machine.dll"
#r "../src/Harness.Cli/bin/Debug/net10.0/Harness.Isa.dll"
#r "../src/Harness.Cli/bin/Debug/net10.0/Harness.Records.dll"
#r "../src/Harness.Cli/bin/Debug/net10.0/FluentAssertions.dll"
#r "../src/Harness.Cli/bin/Debug/net10.0/Iced.dll"

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

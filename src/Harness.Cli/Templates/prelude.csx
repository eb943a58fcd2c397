// Every scenario loads this file. The paths are for editors: harness takes its own assemblies by name.
#r "{bin}/Harness.Scenarios.dll"
#r "{bin}/Harness.Vmm.dll"
#r "{bin}/Harness.Machine.dll"
#r "{bin}/Harness.Isa.dll"
#r "{bin}/Harness.Records.dll"
#r "{bin}/FluentAssertions.dll"
#r "{bin}/Iced.dll"

using System;
using System.Collections.Generic;
using System.Linq;
using FluentAssertions;
using Harness.Scenarios;
using static Harness.Scenarios.ScenarioApi;

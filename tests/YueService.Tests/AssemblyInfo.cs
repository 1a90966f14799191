global using Eventually = Yue.Testing.Eventually;
using Xunit;

// One test at a time: some start the real program, and each of these needs the cores for itself.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]
[assembly: AssemblyFixture(typeof(YueService.Tests.Machines.SharedPostgres))]
[assembly: AssemblyFixture(typeof(YueService.Tests.Machines.SharedS3))]

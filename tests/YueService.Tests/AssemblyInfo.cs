global using Eventually = Yue.Testing.Eventually;
using Xunit;

// Tests run one at a time, because some start the real program and need all cores.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]
[assembly: AssemblyFixture(typeof(YueService.Tests.Machines.SharedPostgres))]
[assembly: AssemblyFixture(typeof(YueService.Tests.Machines.SharedS3))]

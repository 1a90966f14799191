global using Eventually = Yue.Testing.Eventually;
using Xunit;
using YueService.Browser.Tests;

// One test at a time: the service and the browser share the cores.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]
[assembly: AssemblyFixture(typeof(Studio))]

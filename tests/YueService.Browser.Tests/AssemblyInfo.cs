global using Eventually = Yue.Testing.Eventually;
global using Ffmpeg = Yue.Testing.Ffmpeg;
using Xunit;
using YueService.Browser.Tests;

// Tests run one at a time, because the service and the browser share the cores.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]
[assembly: AssemblyFixture(typeof(Studio))]

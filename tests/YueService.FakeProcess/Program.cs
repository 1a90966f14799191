using YueService.CommandLine;
using YueService.FakeProcess;
using YueService.Hosting;
using YueService.Jobs.Audio;

return await YueCommandLine.RunAsync(args, services => services.AddSongEngine<TimedEngine, SongEncoder>());

using Yue.Engine.Scheduling;
using YueService.CommandLine;
using YueService.Hosting;
using YueService.Jobs.Audio;

return await YueCommandLine.RunAsync(args, services => services.AddSongEngine<YueEngine, SongEncoder>());

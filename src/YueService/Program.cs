using Yue.Engine;
using YueService.Audio;
using YueService.CommandLine;
using YueService.Hosting;

return await YueCommandLine.RunAsync(args, services => services.AddSongEngine<YueEngine, SongEncoder>());

using YueService.CommandLine;

return await YueCommandLine.RunAsync(args, _ => { });

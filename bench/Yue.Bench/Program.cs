using Yue.Bench;

return args switch
{
    ["song", .. var arguments] => await SongBench.RunAsync(arguments),
    ["progress", .. var arguments] => await ProgressBench.RunAsync(arguments),
    ["encode", .. var arguments] => EncodeBench.Run(arguments),
    ["service", _, _, ..] => await ServiceBench.RunAsync(args[1..]),
    ["load", _, _, _, ..] => await LoadBench.RunAsync(args[1..]),
    ["gpu", .. var cases] => GpuBench.Run(cases),
    ["flow", var folder, .. var seconds] => FlowBench.Run(folder, seconds),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        usage: Yue.Bench song [SECONDS ...] [--Songs COUNT,...] [--Scopes full|all] [--Stream] [--Reference SECONDS]
                   [--Stage1 FOLDER --Stage2 FOLDER --Codec FOLDER | --Stage1 FOLDER --Vae FOLDER [--Score LETTERS]]
                   songs by step, on this machine (default: 10 20 40 60 seconds, one at a time, also as draft and finish, the demo model);
                   with --Stream somebody listens, and the first sound and the longest wait of the player are measured too;
                   with --Score songs of YuE 2 follow a score of so many letters, and do not write one
               Yue.Bench progress [SONGS [FIRST]]
                   songs of the demo model with lyrics of many lengths: how near the time left that progress gives at a quarter
                   of the time, and the expected lengths of sections, are to the truth (default: 100 songs)
               Yue.Bench encode [SECONDS ...] [--Codec FOLDER] [--Device DEVICE]
                   reference clips to codes (default: 10 30 60 seconds, the demo codec)
               Yue.Bench service URL PROCESS [COUNT]
                   short drafts sent to a running service: HTTP overhead and the process's memory (default: 1000)
               Yue.Bench load STORE FILES PROGRAM [--Apis 2] [--Workers 8] [--Slots 8] [--Seconds 1] [--Jobs 10000] [--Rate 50]
                   [--Watchers 1000]
                   jobs at a steady rate for many machines on the database STORE, with workers whose engine only takes time: PROGRAM is
                   YueService.FakeProcess.dll
               Yue.Bench gpu [CASE ...]
                   decode steps on a GPU with random weights of the real shapes; a case is read or
                   STAGE:ROWS:POSITIONS[:WEIGHTS[:CACHE]], such as 2:10:1408:int8:fp8; a stage is 1, 2, music or score
               Yue.Bench flow FOLDER [SECONDS ...]
                   flow matching and the sound decoder of YuE 2 on a GPU; the folder holds YuE2-3B and YuE2-Vae (default: 180 seconds)
        """);
    return 2;
}

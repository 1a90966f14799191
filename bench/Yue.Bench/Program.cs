using Yue.Bench;

return args switch
{
    ["song", .. var arguments] => await SongBench.RunAsync(arguments),
    ["progress", .. var arguments] => await ProgressBench.RunAsync(arguments),
    ["encode", .. var arguments] => EncodeBench.Run(arguments),
    ["service", _, _, ..] => await ServiceBench.RunAsync(args[1..]),
    ["load", _, _, _, ..] => await LoadBench.RunAsync(args[1..]),
    ["library", _, ..] => await LibraryBench.RunAsync(args[1..]),
    ["gpu", .. var cases] => GpuBench.Run(cases),
    ["flow", var folder, .. var seconds] => FlowBench.Run(folder, seconds),
    ["card", var gib, .. [_, ..] program] => SmallCard.Run(gib, program),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        usage: Yue.Bench song [SECONDS ...] [--Songs COUNT,...] [--Scopes full|all] [--Stream] [--Reference SECONDS]
                   [--Stage1 FOLDER --Stage2 FOLDER --Codec FOLDER | --Stage1 FOLDER --Vae FOLDER [--Score LETTERS]]
                   [--Tokenizer FILE] [--Device DEVICE] [--Weights TYPE] [--KeyValueCache TYPE] [--SongsAtOnce COUNT]
                   [--ContextTokens COUNT] [--DeviceMemoryMegabytes COUNT]
                   whole songs on this machine, timed by stage (default: 10 20 40 60 seconds, one at a time, also as draft and
                   finish, with the demo model); --Stream adds a listener, and measures the time to the first sound and the
                   player's longest wait; --Score gives songs of YuE 2 a score of LETTERS characters, so that the model writes none
               Yue.Bench progress [SONGS [FIRST]]
                   songs of the demo model with lyrics of many lengths: compares the estimated remaining time with the actual one
                   after a quarter of each song, and the expected lengths of sections with the actual ones (default: 100 songs)
               Yue.Bench encode [SECONDS ...] [--Codec FOLDER] [--Device DEVICE]
                   the encoding of reference clips (default: 10 30 60 seconds, the demo codec)
               Yue.Bench service URL PROCESS [COUNT]
                   short drafts sent to a running service: HTTP overhead and the process's memory (default: 1000)
               Yue.Bench load STORE FILES PROGRAM [--Apis 2] [--Workers 8] [--Slots 8] [--Seconds 1] [--Jobs 10000] [--Rate 50]
                   [--Watchers 1000] [--WarmupSeconds 30]
                   jobs at a steady rate for many simulated machines that share the database STORE; PROGRAM is
                   YueService.FakeProcess.dll, whose engine only waits
               Yue.Bench library PROGRAM [--Songs 10001] [--Requests 100] [--Passes 1] [--Store STORE] [--Folder FOLDER]
                   each kind of query of a library of songs, in SQLite, and then in the PostgreSQL database STORE; an empty
                   library is filled first, and FOLDER keeps it for further runs; PROGRAM is YueService.FakeProcess.dll
               Yue.Bench gpu [CASE ...]
                   decode steps on a GPU with random weights of the real shapes; a CASE is either "read" or
                   STAGE:ROWS:POSITIONS[:WEIGHTS[:CACHE]], such as 2:10:1408:int8:fp8; STAGE is 1, 2, music or score
               Yue.Bench flow FOLDER [SECONDS ...]
                   flow matching and the sound decoder of YuE 2 on a GPU; FOLDER contains YuE2-3B and YuE2-Vae (default: 180 seconds)
               Yue.Bench card GIB PROGRAM [ARGUMENT ...]
                   runs a program while only GIB of the GPU's memory are free, and prints its peak memory use
        """);
    return 2;
}

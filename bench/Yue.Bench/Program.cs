using Yue.Bench;

return args switch
{
    ["song", .. var seconds] => await SongBench.RunAsync(seconds),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: Yue.Bench song [SECONDS ...]     demo songs on this machine, by step (default 10 20 40 60)");
    return 2;
}

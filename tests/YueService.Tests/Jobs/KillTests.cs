using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests the real program, which runs the demo model, when it is killed at random times or while it streams a song.</summary>
public sealed class KillTests : IDisposable
{
    // A page of the list has at most 100 jobs.
    private const int MaxKills = 50;
    private const int SongsPerKill = 2;

    /// <summary>The number of kills. The default is small because each kill needs a restart; <c>YUE_KILLS</c> overrides it.</summary>
    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("YUE_KILLS") ?? "3", CultureInfo.InvariantCulture);

    private const string Body =
        """{"lyrics":"[verse]\nla la","max_new_tokens":100,"run_n_segments":1,"output":{"sample_rate":16000}}""";

    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task No_kill_loses_a_finished_song_or_a_queued_job()
    {
        Assert.True(Kills is >= 1 and <= MaxKills, $"YUE_KILLS is {Kills}; set it to 1 to {MaxKills}, so that one page lists all jobs.");
        var random = new Random(20_260_101);
        var jobs = new List<string>();
        var finished = new HashSet<string>();
        for (var kill = 0; kill <= Kills; kill++)
        {
            using var program = await Program.StartAsync(_state.Path);
            foreach (var job in jobs)
            {
                var state = await program.Client.StateAsync(job);
                Assert.True(!finished.Contains(job) || state == "succeeded", $"kill {kill}: a finished job is {state}");
            }

            if (kill == Kills)
            {
                await AssertAllEndAsync(program.Client, jobs, finished);
                break;
            }

            // One or two songs are requested, and the kill comes after a random delay. The queue has room for the songs of all kills.
            var delay = Task.Delay(random.Next(50, 900), TestContext.Current.CancellationToken);
            for (var i = 0; i == 0 || (i < SongsPerKill && !delay.IsCompleted); i++)
            {
                using var response = await program.Client.PostSongAsync(Body);
                Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
                jobs.Add(response.Headers.Location!.ToString());
            }

            await delay;
            foreach (var job in jobs)
            {
                if (await program.Client.StateAsync(job) == "succeeded")
                {
                    finished.Add(job);
                }
            }

            program.Kill();
        }
    }

    [Fact]
    public async Task A_kill_aborts_a_stream_and_the_next_process_streams_the_whole_song()
    {
        string job;
        var before = new byte[10_000];
        using (var program = await Program.StartAsync(_state.Path))
        {
            job = await program.Client.SubmitAsync(
                "[verse]\\nla la\\n[chorus]\\nla lo", ""","target_seconds":7,"output":{"sample_rate":16000}""");
            using var stream = await program.Client.GetAsync(
                $"{job}/stream?format=pcm", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
            await using var content = await stream.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            await content.ReadExactlyAsync(before, TestContext.Current.CancellationToken).AsTask().InTime();
            program.Kill();
            await Assert.ThrowsAnyAsync<IOException>(
                () => content.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken).InTime());
        }

        using var next = await Program.StartAsync(_state.Path);
        var heard = await next.Client.GetByteArrayAsync($"{job}/stream?format=pcm", TestContext.Current.CancellationToken);
        await next.Client.WhenAsync(job, "succeeded");
        var song = await next.Client.GetByteArrayAsync($"{job}/audio", TestContext.Current.CancellationToken);
        Assert.Equal(song.AsSpan(44, BitConverter.ToInt32(song, 40)).ToArray(), heard);       // the samples, without the tags that follow
        Assert.Equal(before, heard[..before.Length]);
    }

    private static async Task AssertAllEndAsync(HttpClient client, List<string> jobs, HashSet<string> finished)
    {
        foreach (var job in jobs)
        {
            var state = "";
            await Eventually.TrueAsync(async () => (state = await client.StateAsync(job)) is not ("queued" or "running"));
            if (state == "succeeded")
            {
                var song = await client.GetByteArrayAsync(job + "/audio", TestContext.Current.CancellationToken);
                Assert.StartsWith("RIFF", Encoding.ASCII.GetString(song, 0, 4), StringComparison.Ordinal);
                continue;
            }

            // Only a job that was running during two kills may fail, and its error must say so.
            Assert.DoesNotContain(job, finished);
            var error = (await client.GetJsonAsync(job)).GetProperty("error").GetProperty("detail").GetString();
            Assert.Contains("ended twice", error, StringComparison.Ordinal);
        }

        Assert.Equal(jobs.Count, (await client.GetJsonAsync("/v1/songs?limit=100")).GetProperty("songs").GetArrayLength());
    }

    /// <summary>The program in a separate process.</summary>
    private sealed class Program : IDisposable
    {
        private readonly Process _process;

        private Program(Process process, string url)
        {
            _process = process;
            Client = new HttpClient { BaseAddress = new Uri(url) };
        }

        public HttpClient Client { get; }

        /// <summary>Starts the program and waits until it is ready.</summary>
        public static async Task<Program> StartAsync(string stateFolder)
        {
            var url = $"http://127.0.0.1:{FreePort()}";
            var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var argument in new[]
            {
                Path.Combine(AppContext.BaseDirectory, "yue.dll"), "serve", "--urls", url, $"--Yue:StateFolder={stateFolder}",
                "--device", "cpu", "--queue-capacity", $"{MaxKills * SongsPerKill}", "--Serilog:MinimumLevel:Default=Fatal",
            })
            {
                start.ArgumentList.Add(argument);
            }

            var program = new Program(Process.Start(start)!, url);
            try
            {
                await Eventually.TrueAsync(async () =>
                {
                    Assert.False(program._process.HasExited, "the program ended");
                    return await program.IsReadyAsync();
                });
                return program;
            }
            catch
            {
                program.Dispose();
                throw;
            }
        }

        public void Kill()
        {
            _process.Kill();
            _process.WaitForExit();
        }

        public void Dispose()
        {
            Kill();
            _process.Dispose();
            Client.Dispose();
        }

        private async Task<bool> IsReadyAsync()
        {
            try
            {
                using var health = await Client.GetAsync("/health", TestContext.Current.CancellationToken);
                using var jobs = await Client.GetAsync("/v1/songs", TestContext.Current.CancellationToken);
                return health.StatusCode == HttpStatusCode.OK && jobs.StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }

        private static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
    }
}

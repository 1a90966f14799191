using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;

namespace Yue.Bench;

/// <summary>Sends jobs at a steady rate to a simulation of many machines: API processes, workers with a simulated engine, and
/// watchers.</summary>
/// <remarks>PROGRAM is YueService.FakeProcess.dll. The database must run on this machine: its CPU time is the total of all processes
/// named postgres.</remarks>
internal static class LoadBench
{
    private const int FirstPort = 23_000;
    private const int WarmupRate = 10;
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task<int> RunAsync(string[] arguments)
    {
        var (store, files, program) = (arguments[0], arguments[1], arguments[2]);
        var (apis, workers) = (Option("Apis", 2), Option("Workers", 8));
        var (slots, seconds) = (Option("Slots", 8), Option("Seconds", 1));
        var (jobs, rate, watchers) = (Option("Jobs", 10_000), Option("Rate", 50), Option("Watchers", 1000));
        var processes = new List<Process>();
        try
        {
            for (var i = 0; i < apis + workers; i++)
            {
                string[] role = i < apis ? ["serve", "--role", "api"] : ["worker"];
                processes.Add(Start(program, role, i, store, files, slots, seconds));
            }

            var clients = Enumerable.Range(0, apis).Select(i => new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 100_000 })
            {
                BaseAddress = new Uri($"http://127.0.0.1:{FirstPort + i}"),
                Timeout = Timeout.InfiniteTimeSpan,
            }).ToArray();
            await ReadyAsync(clients, workers * slots);

            // The warm-up keeps JIT compilation out of the measurement.
            using (var warmup = new Load(clients, rate: WarmupRate, jobs: WarmupRate * Option("WarmupSeconds", 30), watchers))
            {
                await warmup.RunAsync();
            }

            var before = await LastNumberAsync(store);
            var databaseBefore = DatabaseSeconds();
            var clock = Stopwatch.StartNew();
            using var load = new Load(clients, rate, jobs, watchers);
            await load.RunAsync();
            var wall = clock.Elapsed.TotalSeconds;
            var databaseSeconds = DatabaseSeconds() - databaseBefore;
            var claims = await ClaimsAsync(store, before);
            Console.WriteLine(JsonSerializer.Serialize(
                new
                {
                    name = "load",
                    apis,
                    workers,
                    slots,
                    jobs = claims.Count,
                    watchers,
                    jobs_per_second = Math.Round(claims.Count / wall, 1),
                    submit_ms = Percentiles(load.SubmitMs),
                    submission_to_claim_ms = Percentiles(claims),
                    event_ms = Percentiles(load.EventMs),
                    database_cores = Math.Round(databaseSeconds / wall, 2),
                    refused = load.Refused,
                },
                Json));
            return 0;
        }
        finally
        {
            foreach (var process in processes)
            {
                process.Kill();
                process.Dispose();
            }
        }

        int Option(string name, int fallback) =>
            Array.IndexOf(arguments, $"--{name}") is var i and >= 0 ? int.Parse(arguments[i + 1], CultureInfo.InvariantCulture) : fallback;
    }

    private static Process Start(string program, string[] role, int number, string store, string files, int slots, int seconds) =>
        SimulatedService.Start(
            program,
            [.. role, "--urls", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FirstPort + number}")],
            Path.Combine(Path.GetTempPath(), $"yue-load-{number}"),
            ("YUE_STORE", store),
            ("YUE_FILES", files),
            ("FAKE_SLOTS", slots.ToString(CultureInfo.InvariantCulture)),
            ("FAKE_SECONDS", seconds.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Waits until every API process sees the slots of all workers.</summary>
    private static async Task ReadyAsync(HttpClient[] clients, int expected)
    {
        for (var i = 0; i < clients.Length; i++)
        {
            while (true)
            {
                try
                {
                    var metrics = await clients[i].GetStringAsync("/metrics");
                    var slots = metrics.Split('\n')
                        .FirstOrDefault(line => line.StartsWith("yue_worker_song_limit", StringComparison.Ordinal));
                    if (slots is not null && int.Parse(slots.Split(' ')[^1], CultureInfo.InvariantCulture) == expected)
                    {
                        break;
                    }
                }
                catch (HttpRequestException)
                {
                    // The process is starting.
                }

                await Task.Delay(200);
            }
        }
    }

    private static async Task<long> LastNumberAsync(string store)
    {
        await using var connection = new NpgsqlConnection(store);
        await connection.OpenAsync();
        await using var select = new NpgsqlCommand("SELECT coalesce(max(number), 0) FROM jobs", connection);
        return (long)(await select.ExecuteScalarAsync())!;
    }

    /// <summary>Returns the milliseconds from submission to start of each job numbered above <paramref name="after"/>.</summary>
    private static async Task<List<double>> ClaimsAsync(string store, long after)
    {
        await using var connection = new NpgsqlConnection(store);
        await connection.OpenAsync();
        await using var select = new NpgsqlCommand(
            "SELECT started_ms - created_ms FROM jobs WHERE started_ms IS NOT NULL AND number > @after", connection);
        select.Parameters.AddWithValue("after", after);
        await using var reader = await select.ExecuteReaderAsync();
        var claims = new List<double>();
        while (await reader.ReadAsync())
        {
            claims.Add(reader.GetInt64(0));
        }

        return claims;
    }

    /// <summary>Returns the CPU time of all processes named postgres, in seconds.</summary>
    /// <remarks>The process of a connection has a name such as "postgres: yue bench 127.0.0.1(5432) idle".</remarks>
    private static double DatabaseSeconds() =>
        Process.GetProcesses().Where(process => process.ProcessName.StartsWith("postgres", StringComparison.Ordinal))
            .Sum(process => process.TotalProcessorTime.TotalSeconds);

    private static object Percentiles(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0
            ? new { p50 = 0.0, p99 = 0.0 }
            : new { p50 = Math.Round(sorted[sorted.Length / 2], 1), p99 = Math.Round(sorted[sorted.Length * 99 / 100], 1) };
    }

    /// <summary>Sends the jobs and follows them.</summary>
    private sealed class Load(HttpClient[] clients, int rate, int jobs, int watchers) : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly SemaphoreSlim _watchers = new(watchers);

        public List<double> SubmitMs { get; } = [];

        public List<double> EventMs { get; } = [];

        public int Refused { get; private set; }

        public void Dispose() => _watchers.Dispose();

        public async Task RunAsync()
        {
            var clock = Stopwatch.StartNew();
            var sending = new List<Task>();
            for (var i = 0; i < jobs; i++)
            {
                var due = TimeSpan.FromSeconds(i / (double)rate) - clock.Elapsed;
                if (due > TimeSpan.Zero)
                {
                    await Task.Delay(due);
                }

                sending.Add(SendAsync(clients[i % clients.Length], clients[(i + 1) % clients.Length], i));
            }

            await Task.WhenAll(sending);
        }

        private async Task SendAsync(HttpClient client, HttpClient watching, int number)
        {
            var clock = Stopwatch.StartNew();
            using var response = await client.PostAsJsonAsync("/v1/songs", new { lyrics = "[verse]\nla", seed = number }, Json);
            if (response.Headers.Location is not { } job)
            {
                lock (_lock)
                {
                    Refused++;
                }

                return;
            }

            lock (_lock)
            {
                SubmitMs.Add(clock.Elapsed.TotalMilliseconds);
            }

            await _watchers.WaitAsync();
            try
            {
                await WatchAsync(watching, job);
            }
            finally
            {
                _watchers.Release();
            }
        }

        /// <summary>Follows a job to its end and records the delay of its last event, if an earlier event was also received.</summary>
        private async Task WatchAsync(HttpClient client, Uri job)
        {
            using var response = await client.GetAsync(job + "/events", HttpCompletionOption.ResponseHeadersRead);
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            var sawStart = false;
            while (await reader.ReadLineAsync() is { } line)
            {
                sawStart |= line == "event: queued" || line == "event: running";
                if (line != "event: succeeded")
                {
                    continue;
                }

                var at = DateTimeOffset.UtcNow;
                var shown = await client.GetFromJsonAsync<JsonElement>(job);
                if (sawStart)
                {
                    lock (_lock)
                    {
                        EventMs.Add((at - shown.GetProperty("finished_at").GetDateTimeOffset()).TotalMilliseconds);
                    }
                }

                return;
            }
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Yue.Bench;

/// <summary>Fills the library of a service with songs in several scripts and measures each kind of query, one request at a time over one
/// connection.</summary>
/// <remarks>PROGRAM is YueService.FakeProcess.dll. The songs are requested from the service, and their sound is simulated. The service
/// uses SQLite; with <c>--Store</c>, everything is then repeated with a PostgreSQL database. With <c>--Folder</c>, the library is kept,
/// and the next run measures it as it is.</remarks>
internal static class LibraryBench
{
    private const string Address = "http://127.0.0.1:23100";
    private const int Page = 50;
    private const int Senders = 8;
    private const int Warmup = 10;
    private const int FavouriteEvery = 40;
    private const int Remakes = 60;
    private const int Cancelled = 10;
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task<int> RunAsync(string[] arguments)
    {
        var (songs, requests, passes) = (Number("Songs", 10_001), Number("Requests", 100), Number("Passes", 1));
        var kept = Text("Folder");
        var folder = kept ?? Directory.CreateTempSubdirectory("yue-library-").FullName;
        try
        {
            await RunStoreAsync("sqlite", []);
            if (Text("Store") is { } store)
            {
                await RunStoreAsync("postgresql", [("YUE_STORE", store), ("YUE_FILES", Path.Combine(folder, "files"))]);
            }
        }
        finally
        {
            if (kept is null)
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return 0;

        string? Text(string name) => Array.IndexOf(arguments, $"--{name}") is var i and >= 0 ? arguments[i + 1] : null;

        int Number(string name, int fallback) => Text(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : fallback;

        async Task RunStoreAsync(string name, (string, string)[] environment)
        {
            using var process = SimulatedService.Start(
                arguments[0],
                ["serve", "--urls", Address],
                Path.Combine(folder, name),
                [.. environment, ("FAKE_SECONDS", "0"), ("FAKE_SLOTS", "8")]);
            try
            {
                await MeasureStoreAsync(name, process, songs, requests, passes);
            }
            finally
            {
                process.Kill();
                await process.WaitForExitAsync();
            }
        }
    }

    private static async Task MeasureStoreAsync(string name, Process process, int songs, int requests, int passes)
    {
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = Senders }) { BaseAddress = new Uri(Address) };
        await ReadyAsync(client, process);
        if ((await ListAsync(client, "limit=1")).Songs.Count == 0)
        {
            await FillAsync(client, songs);
        }

        var (count, queries) = await QueriesAsync(client, songs / 2);
        for (var pass = 0; pass < passes; pass++)
        {
            await MeasureAsync(name, count, requests, queries);
        }
    }

    private static async Task ReadyAsync(HttpClient client, Process process)
    {
        while (true)
        {
            try
            {
                using var response = await client.GetAsync("/health/ready");
                if (response.StatusCode == HttpStatusCode.OK)
                {
                    return;
                }
            }
            catch (HttpRequestException) when (!process.HasExited)
            {
                // The process is starting.
            }

            await Task.Delay(200);
        }
    }

    /// <summary>Makes the songs, marks some of them as favorites, remakes the first one and cancels a few.</summary>
    private static async Task FillAsync(HttpClient client, int songs)
    {
        var first = await SubmitAsync(client, Body(0));
        await WhenIdleAsync(client);
        for (var number = 0; number < Remakes; number++)
        {
            await SubmitAsync(client, new { continue_from = first, stage = "finish" });
        }

        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Senders };
        await Parallel.ForAsync(1, songs - Remakes - Cancelled, parallel, async (number, cancel) =>
        {
            var id = await SubmitAsync(client, Body(number));
            if (number % FavouriteEvery == 0)
            {
                using var response = await client.PatchAsJsonAsync($"/v1/songs/{id}", new { favourite = true }, cancel);
                response.EnsureSuccessStatusCode();
            }
        });
        await WhenIdleAsync(client);
        for (var number = 0; number < Cancelled; number++)
        {
            var id = await SubmitAsync(client, new { lyrics = "[verse]\nla seconds=3600" });
            using var response = await client.DeleteAsync($"/v1/songs/{id}");
            response.EnsureSuccessStatusCode();
        }

        await WhenIdleAsync(client);
    }

    private static object Body(int number)
    {
        var (genre, lyrics) = LibrarySongs.Song(number);
        return new { genre, lyrics, seed = number, output = new { sample_rate = 16_000 } };
    }

    /// <summary>Requests a song, and retries while the queue is full.</summary>
    /// <returns>The id of the song.</returns>
    private static async Task<string> SubmitAsync(HttpClient client, object body)
    {
        while (true)
        {
            using var response = await client.PostAsJsonAsync("/v1/songs", body, Json);
            if (response.StatusCode != HttpStatusCode.TooManyRequests)
            {
                response.EnsureSuccessStatusCode();
                return Path.GetFileName(response.Headers.Location!.ToString());
            }

            await Task.Delay(100);
        }
    }

    /// <summary>Waits until no song is queued or running.</summary>
    private static async Task WhenIdleAsync(HttpClient client)
    {
        foreach (var state in new[] { "queued", "running" })
        {
            while ((await ListAsync(client, $"state={state}&limit=1")).Songs.Count > 0)
            {
                await Task.Delay(50);
            }
        }
    }

    /// <summary>Returns a page of the library and the cursor of the next one.</summary>
    private static async Task<(IReadOnlyList<JsonElement> Songs, string? Next)> ListAsync(HttpClient client, string query)
    {
        var page = await client.GetFromJsonAsync<JsonElement>($"/v1/songs?{query}");
        return ([.. page.GetProperty("songs").EnumerateArray()], page.GetProperty("next_cursor").GetString());
    }

    /// <summary>Reads the library and returns the number of its songs and the queries to measure, by name.</summary>
    /// <param name="client">Sends the requests.</param>
    /// <param name="middle">The approximate number of songs before the cursor of the query that starts in the middle.</param>
    private static async Task<(int Songs, IReadOnlyList<(string Name, string Query)> Queries)> QueriesAsync(HttpClient client, int middle)
    {
        var (count, cursor, parent) = (0, "", "");
        for (var next = ""; next is not null;)
        {
            (var songs, next) = await ListAsync(client, $"limit=100&cursor={next}");
            count += songs.Count;
            cursor = count <= middle ? next : cursor;
            parent = songs[^1].GetProperty("id").GetString();
        }

        return (count,
        [
            ("newest songs", ""),
            ("from the middle, by cursor", $"cursor={cursor}"),
            ("common word, Latin", Text(LibrarySongs.CommonWord)),
            ("common word, Hangul", Text(LibrarySongs.CommonHangulWord)),
            ("rare word", Text(LibrarySongs.RareWord)),
            ("four words in sequence, rare", Text(LibrarySongs.RareLine)),
            ("common CJK character", Text(LibrarySongs.CommonCharacter)),
            ("rare CJK character", Text(LibrarySongs.RareCharacter)),
            ("word in no song", Text(LibrarySongs.MissingWord)),
            ("word in no song, favorites", $"{Text(LibrarySongs.MissingWord)}&favourite=true"),
            ("state, almost all songs", "state=succeeded"),
            ("state, few songs", "state=cancelled"),
            ("favorites", "favourite=true"),
            ("not favorites", "favourite=false"),
            ("parent", $"parent={parent}"),
        ]);

        static string Text(string text) => $"q={Uri.EscapeDataString(text)}";
    }

    /// <summary>Sends the queries in turn and prints a line for each, with the load average at the start.</summary>
    private static async Task MeasureAsync(string store, int songs, int requests, IReadOnlyList<(string Name, string Query)> queries)
    {
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 }) { BaseAddress = new Uri(Address) };
        var loadAverage = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        var times = queries.Select(_ => new List<double>(requests)).ToArray();
        var found = new int[queries.Count];
        for (var round = -Warmup; round < requests; round++)
        {
            foreach (var (i, (_, query)) in queries.Index())
            {
                var clock = Stopwatch.StartNew();
                var body = await client.GetByteArrayAsync($"/v1/songs?limit={Page}&{query}");
                var taken = clock.Elapsed.TotalMilliseconds;
                found[i] = JsonSerializer.Deserialize<JsonElement>(body).GetProperty("songs").GetArrayLength();
                if (round >= 0)
                {
                    times[i].Add(taken);
                }
            }
        }

        foreach (var (i, (name, _)) in queries.Index())
        {
            var sorted = times[i].Order().ToArray();
            Console.WriteLine(JsonSerializer.Serialize(
                new
                {
                    name = "library",
                    store,
                    songs,
                    load_average = loadAverage,
                    query = name,
                    found = found[i],
                    median_ms = Math.Round(sorted[sorted.Length / 2], 1),
                    p95_ms = Math.Round(sorted[sorted.Length * 95 / 100], 1),
                    max_ms = Math.Round(sorted[^1], 1),
                },
                Json));
        }
    }
}

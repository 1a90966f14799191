using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace Yue.Bench;

/// <summary>Sends short drafts to a running service and measures the HTTP overhead and the growth of memory.</summary>
/// <remarks><c>service URL PROCESS [COUNT]</c> prints one JSON object per hundred requests, and one for all requests at the end. PROCESS is
/// the id of the process whose memory is measured.</remarks>
internal static class ServiceBench
{
    private const int RequestsPerLine = 100;
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task<int> RunAsync(string[] arguments)
    {
        var (url, process) = (new Uri(arguments[0]), Number(arguments[1]));
        var count = arguments.Length > 2 ? Number(arguments[2]) : 1000;
        using var client = new HttpClient { BaseAddress = url };
        var overheads = new List<double>(count);
        for (var request = 1; request <= count; request++)
        {
            overheads.Add(await SendAsync(client, request));
            if (request % RequestsPerLine == 0)
            {
                Print(request, overheads[^RequestsPerLine..], process);
            }
        }

        Print(count, overheads, process);
        return 0;
    }

    /// <summary>Sends a draft and returns the response time minus the engine's time, in milliseconds.</summary>
    private static async Task<double> SendAsync(HttpClient client, int seed)
    {
        var body = new
        {
            lyrics = "[verse]\nla la",
            max_new_tokens = 100,
            run_n_segments = 1,
            seed,
            stage = "draft",
            output = new { sample_rate = 16000 },
        };
        var clock = Stopwatch.StartNew();
        using var response = await client.PostAsJsonAsync("/predict", body, Json);
        var bytes = await response.Content.ReadAsByteArrayAsync();
        var wall = clock.Elapsed.TotalMilliseconds;
        response.EnsureSuccessStatusCode();
        using var song = JsonDocument.Parse(bytes);
        return wall - (1000 * song.RootElement.GetProperty("timings").GetProperty("total_seconds").GetDouble());
    }

    private static void Print(int requests, List<double> overheads, int process)
    {
        var sorted = overheads.Order().ToArray();
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            name = "service",
            requests,
            overhead_median_ms = Math.Round(sorted[sorted.Length / 2], 2),
            overhead_p99_ms = Math.Round(sorted[sorted.Length * 99 / 100], 2),
            resident_mb = Math.Round(Process.GetProcessById(process).WorkingSet64 / 1e6, 1),
        }, Json));
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}

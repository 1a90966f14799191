using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Yue.Engine;

namespace Yue.Bench;

/// <summary>Times whole demo songs of several lengths, each as a draft first and then finished; one JSON object a line.</summary>
internal static class SongBench
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task<int> RunAsync(string[] arguments)
    {
        int[] lengths = [.. arguments.TakeWhile(text => !text.StartsWith('-')).Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        var options = OptionsFrom(arguments[lengths.Length..]);
        lengths = lengths.Length == 0 ? [10, 20, 40, 60] : lengths;
        var clock = Stopwatch.StartNew();
        using var engine = new YueEngine(Options.Create(options), NullLogger<YueEngine>.Instance);
        await engine.StartAsync(CancellationToken.None);
        await engine.Loaded;
        Print(new { name = "start", seconds = clock.Elapsed.TotalSeconds, device = engine.Status.Device, cores = Environment.ProcessorCount });
        foreach (var length in lengths)
        {
            var song = Song(length);
            await SingAsync(engine, "song", song);
            var draft = await SingAsync(
                engine, "draft", song with { Scope = SongScope.Draft, Output = new OutputSettings { SampleRate = OutputSettings.CodecSampleRateHz } });
            await SingAsync(engine, "finish", song with { Scope = SongScope.Finish, ContinueFrom = draft.Codes });
        }

        await engine.StopAsync(CancellationToken.None);
        return 0;
    }

    /// <summary>Pairs of an option's name and its value; the stage-1 checkpoint is called <c>bench</c>.</summary>
    private static EngineOptions OptionsFrom(string[] pairs)
    {
        var options = new EngineOptions();
        foreach (var pair in pairs.Chunk(2))
        {
            switch (pair)
            {
                case ["--Stage1", var folder]: options.Stage1["bench"] = folder; break;
                case ["--Stage2", var folder]: options.Stage2 = folder; break;
                case ["--Codec", var folder]: options.Codec = folder; break;
                case ["--Tokenizer", var file]: options.Tokenizer = file; break;
                case ["--Device", var device]: options.Device = device; break;
                default: throw new ArgumentException($"{string.Join(' ', pair)} is not an option with a value");
            }
        }

        return options;
    }

    /// <summary>A demo section may end early, so a song has as many sections as it takes and its length is what came out.</summary>
    private static SongRequest Song(int seconds)
    {
        var sections = Math.Max(1, seconds / 10);
        return new SongRequest
        {
            Lyrics = string.Concat(Enumerable.Repeat("[verse]\nla la la\n\n", sections)),
            RunNSegments = sections,
            MaxNewTokens = 1000,
        };
    }

    private static async Task<SongResult> SingAsync(YueEngine engine, string name, SongRequest request)
    {
        if (engine.TrySubmit(request, null, out var song, CancellationToken.None) != SubmitOutcome.Accepted)
        {
            throw new InvalidOperationException("the engine took no song");
        }

        var result = await song!;
        var audio = result.Mix.DurationSeconds;
        var tokens = result.Sections.Where(section => !section.Kept).Sum(section => section.Tokens);
        Print(new
        {
            name,
            audio_seconds = audio,
            tokens,
            stage1_ms_per_token = tokens == 0 ? 0 : 1000 * result.Timings.Stage1Seconds / tokens,
            stage1_per_audio_second = result.Timings.Stage1Seconds / audio,
            stage2_per_audio_second = result.Timings.Stage2Seconds / audio,
            decode_per_audio_second = result.Timings.DecodeSeconds / audio,
            total_seconds = result.Timings.TotalSeconds,
            real_time_factor = result.Timings.RealTimeFactor,
            peak_memory_mb = Process.GetCurrentProcess().PeakWorkingSet64 / 1e6,
        });
        return result;
    }

    private static void Print(object line) => Console.WriteLine(JsonSerializer.Serialize(line, Json));
}

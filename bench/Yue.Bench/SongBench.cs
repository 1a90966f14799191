using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace Yue.Bench;

/// <summary>Times whole songs of several lengths, alone or concurrently, and each also as a draft that is then finished. Prints one JSON
/// object per line.</summary>
internal static class SongBench
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task<int> RunAsync(string[] arguments)
    {
        int[] lengths = [.. arguments.TakeWhile(text => !text.StartsWith('-')).Select(Number)];
        var isStreamed = arguments.Contains("--Stream");
        var (options, counts, scopes, reference, score) = OptionsFrom([.. arguments[lengths.Length..].Where(text => text != "--Stream")]);
        lengths = lengths.Length == 0 ? [10, 20, 40, 60] : lengths;
        var clock = Stopwatch.StartNew();
        using var engine = new YueEngine(Options.Create(options), new LineLogger());
        engine.Start();
        await engine.Loaded;
        Print(new
        {
            name = "start",
            seconds = clock.Elapsed.TotalSeconds,
            device = engine.Status.Device,
            cores = Environment.ProcessorCount,
        });
        foreach (var (length, count) in lengths.SelectMany(length => counts.Select(count => (length, count))))
        {
            var family = engine.Status.SongModels[0].Family;
            var makesDrafts = family.Scopes.Contains(SongScope.Draft);
            SongRequest[] requests =
            [
                .. Enumerable.Range(42, count).Select(seed => makesDrafts
                    ? Song(length, seed, reference)
                    : ScoredSongs.Of(length, seed, score, family.Sampling)),
            ];
            await SingAsync(engine, "song", requests, isStreamed);
            if (scopes == "full" || !makesDrafts)
            {
                continue;
            }

            var drafts = await SingAsync(engine, "draft", [.. requests.Select(Draft)], isStreamed);
            await SingAsync(engine, "finish", [.. requests.Zip(drafts, Finish)], isStreamed);
        }

        await engine.DrainAsync(CancellationToken.None);
        return 0;
    }

    /// <summary>Parses pairs of an option name and a value. The stage-1 checkpoint is called <c>bench</c>.</summary>
    private static (EngineOptions Options, int[] Songs, string Scopes, int ReferenceSeconds, int ScoreLetters) OptionsFrom(string[] pairs)
    {
        var options = new EngineOptions();
        int[] songs = [1];
        var scopes = "all";
        var (reference, score) = (0, 0);
        foreach (var pair in pairs.Chunk(2))
        {
            switch (pair)
            {
                case ["--Stage1", var folder]: options.Stage1["bench"] = folder; break;
                case ["--Stage2", var folder]: options.Stage2 = folder; break;
                case ["--Codec", var folder]: options.Codec = folder; break;
                case ["--Vae", var folder]: options.Vae = folder; break;
                case ["--Score", var letters]: score = Number(letters); break;
                case ["--Tokenizer", var file]: options.Tokenizer = file; break;
                case ["--Device", var device]: options.Device = device; break;
                case ["--Weights", var type]: options.Weights = type; break;
                case ["--KeyValueCache", var type]: options.KeyValueCache = type; break;
                case ["--SongsAtOnce", var count]: options.SongsAtOnce = Number(count); break;
                case ["--ContextTokens", var count]: options.ContextTokens = Number(count); break;
                case ["--DeviceMemoryMegabytes", var count]: options.DeviceMemoryMegabytes = Number(count); break;
                case ["--Songs", var counts]: songs = [.. counts.Split(',').Select(Number)]; break;
                case ["--Reference", var seconds]: reference = Number(seconds); break;
                case ["--Scopes", "full" or "all"]: scopes = pair[1]; break;
                default: throw new ArgumentException($"{string.Join(' ', pair)} is not a known option with a value");
            }
        }

        return (options, songs, scopes, reference, score);
    }

    private static async Task<SongResult[]> SingAsync(YueEngine engine, string name, SongRequest[] songs, bool isStreamed)
    {
        var clock = Stopwatch.StartNew();
        Listener[] listeners = [.. songs.Select(_ => new Listener(clock))];
        var sung = await Task.WhenAll(
            songs.Zip(listeners, (song, listener) => SingAsync(engine, song, clock, isStreamed ? listener : null)));
        var wall = clock.Elapsed.TotalSeconds;
        SongResult[] results = [.. sung.Select(song => song.Result)];
        var audio = results.Sum(result => result.Mix.DurationSeconds);
        var tokens = (int)Math.Round(results.Sum(result => result.Timings.TokensPerSecond * result.Timings.Stage1Seconds));
        Print(new
        {
            name,
            songs = songs.Length,
            audio_seconds = audio,
            tokens,
            stage1_ms_per_token = tokens == 0 ? 0 : 1000 * results.Sum(result => result.Timings.Stage1Seconds) / tokens,
            stage1_per_audio_second = results.Sum(result => result.Timings.Stage1Seconds) / audio,
            stage2_per_audio_second = results.Sum(result => result.Timings.Stage2Seconds) / audio,
            stage_seconds = sung.SelectMany(song => song.Stages).GroupBy(stage => stage.Stage)
                .ToDictionary(stage => stage.Key, stage => stage.Sum(time => time.Seconds) / songs.Length),
            encode_seconds = results.Sum(result => result.Reference?.EncodeSeconds ?? 0),
            decode_per_audio_second = results.Sum(result => result.Timings.DecodeSeconds) / audio,
            first_sound_seconds = isStreamed ? listeners.Max(listener => listener.FirstSoundSeconds) : (double?)null,
            underrun_seconds = isStreamed ? listeners.Max(listener => listener.Underrun.Seconds) : (double?)null,
            underrun_at_seconds = isStreamed ? listeners.Max(listener => listener.Underrun).AtSeconds : (double?)null,
            total_seconds = wall,
            audio_seconds_per_second = audio / wall,
            memory_used_mb = engine.Status.Memory.UsedBytes / 1e6,
            memory_planned_mb = engine.Status.Memory.PlannedBytes / 1e6,
            mix_sha256 = Hash(results),
            first_mix_sha256 = Hash(results[..1]),
            peak_host_memory_mb = Process.GetCurrentProcess().PeakWorkingSet64 / 1e6,
        });
        return results;
    }

    private static async Task<(SongResult Result, IReadOnlyList<(string Stage, double Seconds)> Stages)> SingAsync(
        YueEngine engine, SongRequest request, Stopwatch clock, Listener? listener)
    {
        var watch = new StageWatch(clock);
        var ticket = new SongTicket(request, watch, CancellationToken.None) { Listener = listener };
        do
        {
            await engine.WhenRoomAsync(CancellationToken.None);
        }
        while (!engine.TryAdmit(ticket));
        var result = await ticket.Result;
        return (result, watch.Seconds());
    }

    /// <summary>Returns the request for a song of exactly the given length, in sections of about ten seconds. If a reference length is
    /// given, each song gets a different reference clip.</summary>
    private static SongRequest Song(int seconds, long seed, int referenceSeconds)
    {
        var sections = Math.Max(1, seconds / 10);
        return new SongRequest
        {
            Lyrics = string.Concat(Enumerable.Repeat("[verse]\nla la la\n\n", sections)),
            RunNSegments = sections,
            TargetSeconds = [.. Enumerable.Repeat((double)seconds / sections, sections)],
            Seed = seed,
            Reference = referenceSeconds == 0 ? null : Reference(referenceSeconds, seed),
        };
    }

    private static SongReference Reference(int seconds, long seed)
    {
        var samples = Melody.Samples(SongReference.SampleRateHz, seconds);
        samples[0] = seed / 1000f;    // a different clip per song, so that its codes are not cached
        return new SongReference { Tracks = [new AudioClip(samples, SongReference.SampleRateHz)], EndSeconds = seconds };
    }

    private static SongRequest Draft(SongRequest song) =>
        song with { Scope = SongScope.Draft, Output = new OutputSettings { SampleRate = OutputSettings.CodecSampleRateHz } };

    private static SongRequest Finish(SongRequest song, SongResult draft) =>
        song with { Scope = SongScope.Finish, ContinueFrom = draft.Codes };

    /// <summary>Returns the hash of all mixes. Songs must be bit-identical with or without listeners and other songs.</summary>
    private static string Hash(SongResult[] songs)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var song in songs)
        {
            hash.AppendData(MemoryMarshal.AsBytes<float>(song.Mix.Samples));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(..8));
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static void Print(object line) => Console.WriteLine(JsonSerializer.Serialize(line, Json));

    /// <summary>Simulates a player that starts with the first sound of a song.</summary>
    private sealed class Listener(Stopwatch clock) : ISongListener
    {
        public bool IsListening => true;

        public double PlayedSeconds => FirstSoundSeconds == 0 ? 0 : clock.Elapsed.TotalSeconds - FirstSoundSeconds;

        /// <summary>The time of the first sound.</summary>
        public double FirstSoundSeconds { get; private set; }

        /// <summary>The longest delay of the player relative to uninterrupted playback, and its position in the song.</summary>
        public (double Seconds, double AtSeconds) Underrun { get; private set; }

        public void Hear(SongSound sound)
        {
            var now = clock.Elapsed.TotalSeconds;
            if (sound.Start == 0)
            {
                FirstSoundSeconds = now;
            }

            var at = sound.Start / (double)sound.SampleRateHz;
            var delay = now - FirstSoundSeconds - at;
            Underrun = delay > Underrun.Seconds ? (delay, at) : Underrun;
        }
    }

    /// <summary>Writes the engine's log messages to standard error.</summary>
    private sealed class LineLogger : ILogger<YueEngine>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Console.Error.WriteLine($"{formatter(state, exception)}{(exception is null ? "" : $": {exception}")}");
    }
}

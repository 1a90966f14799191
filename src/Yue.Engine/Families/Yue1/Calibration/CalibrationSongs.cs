using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Llama;
using Yue.Engine.Songs;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Calibration;

/// <summary>A song that a model sang for its own calibration.</summary>
/// <param name="Ids">All ids of stage 1, with the prompts.</param>
/// <param name="Codes">The codes of both tracks.</param>
internal sealed record CalibrationSong(int[] Ids, TrackCodes Codes);

/// <summary>Sings songs, and returns the ids that each stage read and wrote.</summary>
/// <param name="device">The device that sings.</param>
/// <param name="seed">The seed of the first song. Each further song has the next seed.</param>
/// <param name="cancel">Cancels the work between steps.</param>
internal sealed class CalibrationSongs(CalibrationDevice device, long seed, CancellationToken cancel)
{
    /// <summary>The maximum number of tokens per section, enough for 15 s.</summary>
    private const int MaxTokensPerSection = 1_500;

    /// <summary>The maximum context in positions, which has room for two sections with their prompts.</summary>
    private const int PositionLimit = 4_096;

    private const int SongsPerBatchOnGpu = 4;
    private const int ChunksPerBatch = 8;

    /// <summary>Sings songs with stage 1.</summary>
    /// <param name="checkpoint">The checkpoint's folder.</param>
    /// <param name="adapter">The folder of a LoRA adapter; null for none.</param>
    /// <param name="prompts">Builds the checkpoint's prompts.</param>
    /// <param name="count">The number of songs.</param>
    /// <param name="report">Called with the number of finished songs.</param>
    public List<CalibrationSong> Stage1(
        string checkpoint, string? adapter, PromptBuilder prompts, int count, Action<int> report)
    {
        var config = LlamaConfig.Load(checkpoint);
        config = config with { MaxPositions = Math.Min(config.MaxPositions, PositionLimit) };
        using var model = LlamaLoader.Load(
            config, checkpoint, device.Device, device.Gpu, DeviceParts.All, _ => cancel.ThrowIfCancellationRequested(), adapter);
        var batchSize = device.Gpu is null ? 1 : Math.Min(SongsPerBatchOnGpu, count);
        using IStage1Decoder decoder = device.Gpu is null
            ? new TorchStage1Decoder(model, batchSize)
            : new CudaStage1Decoder(model, device.Gpu, batchSize);
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(checkpoint));
        var songs = new List<CalibrationSong>();
        while (songs.Count < count)
        {
            report(songs.Count);
            var numbers = Enumerable.Range(songs.Count, Math.Min(batchSize, count - songs.Count));
            songs.AddRange(Sing(decoder, [.. numbers.Select(song => (song, PromptOf(prompts, name, song)))]));
        }

        return songs;
    }

    /// <summary>Returns the ids that stage 2 reads and writes for one chunk of each track of each song.</summary>
    /// <param name="checkpoint">The checkpoint's folder.</param>
    /// <param name="songs">The songs that stage 1 sang.</param>
    /// <param name="report">Called with the number of finished chunks and the total number.</param>
    public List<int[]> Stage2(string checkpoint, IReadOnlyList<CalibrationSong> songs, Action<int, int> report)
    {
        var chunks = songs.SelectMany(ChunksOf).ToArray();
        using var model = LlamaLoader.Load(
            LlamaConfig.Load(checkpoint),
            checkpoint,
            device.Device,
            device.Gpu,
            new DeviceParts { ScoredIds = device.Gpu is null ? null : CudaStage2Decoder.ScoredIds },
            _ => cancel.ThrowIfCancellationRequested());
        using IStage2Decoder decoder = device.Gpu is null
            ? new TorchStage2Decoder(model, ChunksPerBatch, Stage2Mask.SlotExact)
            : new CudaStage2Decoder(model, device.Gpu, ChunksPerBatch);
        var sequences = new List<int[]>();
        foreach (var batch in chunks.Chunk(ChunksPerBatch))
        {
            report(sequences.Count, chunks.Length);
            using var run = decoder.Begin(batch);
            while (!run.IsDone)
            {
                cancel.ThrowIfCancellationRequested();
                decoder.Advance();
            }

            sequences.AddRange(batch.Select((chunk, i) => SequenceOf(chunk, run.Codes(i, ..))));
        }

        return sequences;
    }

    private static SongPrompt PromptOf(PromptBuilder prompts, string checkpoint, int song)
    {
        var (lyrics, genre) = CalibrationTexts.Of(checkpoint, song);
        return prompts.Build(genre, LyricsParser.Parse(lyrics).Sections);
    }

    /// <summary>Sings a batch of songs.</summary>
    private IEnumerable<CalibrationSong> Sing(IStage1Decoder decoder, (int Song, SongPrompt Prompt)[] texts)
    {
        var songs = texts.Select(text => new Stage1Song(
            text.Prompt,
            kept: [],
            [.. text.Prompt.Sections.Select(_ => SectionBudget.UpTo(MaxTokensPerSection))],
            new SamplingSettings(),
            decoder.TryOpen(seed + text.Song)!,
            decoder.ContextLength)).ToArray();
        try
        {
            Array.ForEach(songs, song => song.Begin());
            while (songs.Where(song => !song.IsDone).ToArray() is { Length: > 0 } unfinished)
            {
                cancel.ThrowIfCancellationRequested();
                if (Array.FindAll(unfinished, song => song.Sequence.Unread > 0) is { Length: > 0 } reading)
                {
                    Array.ForEach(reading, song => song.Read());
                    continue;
                }

                using var scope = NewDisposeScope();
                decoder.Advance([.. unfinished.Select(song => song.Sequence)]);
                Array.ForEach(unfinished, song => song.TakeSampled());
            }

            return [.. songs.Select((song, i) => new CalibrationSong(IdsOf(texts[i].Prompt, [.. song.Sung]), song.TakeFrames()))];
        }
        finally
        {
            Array.ForEach(songs, song => song.Dispose());
        }
    }

    /// <summary>Returns the context of a song after its last section.</summary>
    private static int[] IdsOf(SongPrompt prompt, int[][] sections) =>
    [
        .. sections.SelectMany((ids, i) => (int[])
        [
            .. i > 0 && sections[i - 1][^1] != TokenMap.EndOfAudio ? [TokenMap.EndOfAudio] : Array.Empty<int>(),
            .. prompt.Sections[i],
            .. ids,
        ]),
    ];

    /// <summary>Returns one chunk of each track of a song. The number of the song selects the chunk, so that not every song uses its first
    /// chunk.</summary>
    private static IEnumerable<int[]> ChunksOf(CalibrationSong song, int number)
    {
        var count = (song.Codes.Frames + Stage2Chunks.FramesPerChunk - 1) / Stage2Chunks.FramesPerChunk;
        var first = count == 0 ? 0 : number % count * Stage2Chunks.FramesPerChunk;
        return count == 0
            ? []
            : [
                [.. song.Codes.Vocal.Skip(first).Take(Stage2Chunks.FramesPerChunk)],
                [.. song.Codes.Instrumental.Skip(first).Take(Stage2Chunks.FramesPerChunk)],
            ];
    }

    private static int[] SequenceOf(int[] chunk, int[][] codes) =>
    [
        TokenMap.StartOfAudio, TokenMap.Stage1, .. chunk.Select(code => TokenMap.ToId(code)), TokenMap.Stage2,
        .. Enumerable.Range(0, chunk.Length).SelectMany(
            frame => Enumerable.Range(0, Stage2Chunks.Codebooks).Select(codebook => TokenMap.ToId(codes[codebook][frame], codebook))),
    ];
}

using Xunit;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Llama;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Stage2;

/// <summary>Tests stage 2 with the reference decoder and random weights.</summary>
public sealed class Stage2SongTests(Stage2SongTests.RandomModel random) : IClassFixture<Stage2SongTests.RandomModel>
{
    private const int All = int.MaxValue;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_chunk_has_the_same_codes_alone_and_in_a_batch(int rowsTogether)
    {
        using var decoder = new TorchStage2Decoder(random.Model, maxRows: 4, Stage2Mask.SlotExact, rowsTogether);
        int[][] chunks = [Codes(60, 1), Codes(60, 2), Codes(60, 3), Codes(25, 4)];
        var together = Encode(decoder, chunks);
        for (var i = 0; i < chunks.Length; i++)
        {
            Assert.Equal(Encode(decoder, [chunks[i]])[0], together[i]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Runs_can_begin_and_end_while_others_continue(int rowsTogether)
    {
        using var decoder = new TorchStage2Decoder(random.Model, maxRows: 4, Stage2Mask.SlotExact, rowsTogether);
        int[][] chunks = [Codes(30, 1), Codes(40, 2)];
        var alone = Encode(decoder, chunks);

        using var other = decoder.Begin([Codes(20, 3)]);
        Assert.Equal(3, decoder.FreeRows);
        using var run = decoder.Begin(chunks);
        Assert.Equal(1, decoder.FreeRows);
        while (!other.IsDone)
        {
            decoder.Advance();
        }

        other.Dispose();
        Assert.Equal(1, decoder.FreeRows);      // the two free rows are not adjacent
        Assert.Throws<ArgumentException>(() => decoder.Begin(chunks));
        using var third = decoder.Begin([Codes(90, 4)]);
        while (!run.IsDone)
        {
            decoder.Advance();
        }

        Assert.Equal(alone[0], run.Codes(0, ..));
        Assert.Equal(alone[1], run.Codes(1, ..));
        Assert.False(third.IsDone);
        run.Dispose();
        third.Dispose();
        Assert.Equal(4, decoder.FreeRows);
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(2, All)]
    [InlineData(3, All)]
    [InlineData(8, 2)]
    [InlineData(8, All)]
    public void A_song_appended_in_pieces_has_the_same_codes_as_one_appended_whole(int rows, int maxRows)
    {
        int[] vocal = Codes(640, 1), instrumental = Codes(640, 2);
        var whole = Whole(vocal, instrumental);

        using var decoder = new TorchStage2Decoder(random.Model, rows, Stage2Mask.SlotExact, rowsTogether: 1);
        using var song = new Stage2Song(hasVocal: true);
        var (given, taken, begun) = (0, 0, false);
        while (!song.IsDone)
        {
            if (given < vocal.Length)
            {
                song.Append(vocal.AsSpan(given, 2), instrumental.AsSpan(given, 2));
                given += 2;
                begun |= song.CanBegin;
                Assert.Equal(given >= 300, begun);
            }
            else
            {
                song.Complete();
            }

            song.Advance(decoder, maxRows);
            var frames = song.TakeFrames();
            var count = frames.Instrumental[0].Length;
            Assert.Equal(whole.Vocal!.Select(row => row[taken..(taken + count)]), frames.Vocal!);
            Assert.Equal(whole.Instrumental.Select(row => row[taken..(taken + count)]), frames.Instrumental);
            taken += count;
            decoder.Advance();
        }

        Assert.Equal(640, taken);
        Assert.Equal((1280, 1280), (song.Frames, song.FramesDone));
        Assert.Equal(rows, decoder.FreeRows);
    }

    [Fact]
    public void Frames_of_a_chunk_can_be_taken_before_it_is_finished()
    {
        using var decoder = new TorchStage2Decoder(random.Model, maxRows: 2, Stage2Mask.SlotExact, rowsTogether: 1);
        using var song = new Stage2Song(hasVocal: false);
        song.Append([], Codes(300, 1));
        song.Advance(decoder, All);
        Assert.True(song.IsRunning && !song.CanBegin);
        for (var step = 0; step < 6; step++)
        {
            var (vocal, instrumental) = song.TakeFrames();
            Assert.Null(vocal);
            Assert.InRange(instrumental[7].Length, step > 1 ? 1 : 0, step > 1 ? 50 : 0);        // the first step reads the prompt
            decoder.Advance();
        }

        Assert.Equal(1, song.Rows);
        var done = song.FramesDone;
        Assert.Equal((0, 0), song.FramesTo(1));
        Assert.Equal((done, 300), song.FramesTo(300));
        Assert.Equal(done < 250 ? (done, 300) : (0, 50), song.FramesTo(350));
        song.Dispose();
        Assert.Equal(2, decoder.FreeRows);
    }

    private (int[][]? Vocal, int[][] Instrumental) Whole(int[] vocal, int[] instrumental)
    {
        using var decoder = new TorchStage2Decoder(random.Model, maxRows: 6, Stage2Mask.SlotExact);
        using var song = new Stage2Song(hasVocal: true);
        song.Append(vocal, instrumental);
        song.Complete();
        for (song.Advance(decoder, All); !song.IsDone; song.Advance(decoder, All))
        {
            decoder.Advance();
        }

        return song.TakeFrames();
    }

    private static int[][][] Encode(TorchStage2Decoder decoder, int[][] chunks)
    {
        using var run = decoder.Begin(chunks);
        while (!run.IsDone)
        {
            decoder.Advance();
        }

        Assert.Equal(chunks.Sum(chunk => chunk.Length), run.FramesDone);
        return [.. chunks.Select((_, i) => run.Codes(i, ..))];
    }

    private static int[] Codes(int frames, int seed) => [.. Enumerable.Range(0, frames).Select(i => ((i * 37) + (seed * 101)) % 1024)];

    /// <summary>A random model with two layers and the real vocabulary.</summary>
    public sealed class RandomModel : IDisposable
    {
        public RandomModel()
        {
            var config = TestLlama.FullSizeStage2 with
            {
                HiddenSize = 64,
                IntermediateSize = 128,
                Layers = 2,
                Heads = 2,
                KeyValueHeads = 2,
                HeadSize = 32,
                MaxPositions = 4096,
            };
            Model = new LlamaModel(config, LlamaWeights.Load(config, new RandomWeights(seed: 5, deviation: 0.1, ScalarType.Float32, CPU)));
        }

        internal LlamaModel Model { get; }

        public void Dispose() => Model.Dispose();
    }
}

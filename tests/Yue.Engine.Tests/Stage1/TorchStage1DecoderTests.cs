using Xunit;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Llama;
using Yue.Engine.Sampling;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Stage1;

public sealed class TorchStage1DecoderTests
{
    [Fact]
    public void A_song_has_the_same_ids_alone_and_in_a_batch()
    {
        using var model = Model();
        using var decoder = new TorchStage1Decoder(model, songs: 2);
        var alone = Sing(decoder, seed: 7);
        using var other = decoder.TryOpen(8)!;
        other.BeginAndRead([3, 4], 0, Sampling);

        Assert.Equal(alone, Sing(decoder, seed: 7, other));
        Assert.NotEqual(alone, Sing(decoder, seed: 9, other));
    }

    [Fact]
    public void A_section_continued_in_the_cache_equals_one_with_a_fresh_prefill()
    {
        using var model = Model();
        using var decoder = new TorchStage1Decoder(model, songs: 2);
        using var continued = decoder.TryOpen(1)!;
        continued.BeginAndRead([1, 2, 3], 0, Sampling);
        Advance(decoder, continued, 12);
        int[] context = [1, 2, 3, .. continued.Sampled, 5, 6];
        continued.BeginAndRead([5, 6], 1, Sampling);
        using var anew = decoder.TryOpen(1)!;
        anew.BeginAndRead(context, 1, Sampling);

        Advance(decoder, continued, 12);
        Advance(decoder, anew, 12);
        Assert.Equal(anew.Sampled, continued.Sampled);
    }

    [Fact]
    public void Slots_run_out_and_become_free_again()
    {
        using var model = Model();
        using var decoder = new TorchStage1Decoder(model, songs: 1);
        var first = decoder.TryOpen(1);
        Assert.NotNull(first);
        Assert.Null(decoder.TryOpen(2));
        first.Dispose();
        using var next = decoder.TryOpen(2);
        Assert.NotNull(next);
    }

    [Fact]
    public void A_long_prompt_is_read_in_pieces_of_512_ids_with_other_work_between_them()
    {
        using var model = Model(maxPositions: 2048);
        using var decoder = new TorchStage1Decoder(model, songs: 2);
        using var whole = decoder.TryOpen(5)!;
        Assert.Equal(3, whole.BeginAndRead(LongPrompt(1300), 0, Sampling));
        Advance(decoder, whole, 6);
        using var anotherDecoder = new TorchStage1Decoder(model, songs: 1);
        using var interrupted = anotherDecoder.TryOpen(5)!;

        interrupted.BeginSection(LongPrompt(1300), 0, Sampling);
        var unread = new List<int>();
        while (interrupted.Unread > 0)
        {
            unread.Add(interrupted.Unread);
            Assert.Throws<InvalidOperationException>(() => anotherDecoder.Advance([interrupted]));
            interrupted.Read();
            Advance(decoder, whole, 1);
        }

        Advance(anotherDecoder, interrupted, 6);
        Assert.Equal(2 * 1299, decoder.PrefilledIds + anotherDecoder.PrefilledIds);
        Assert.Equal([1299, 787, 275], unread);
        Assert.Equal(whole.Sampled.Take(6), interrupted.Sampled);
    }

    [Fact]
    public void A_truncated_context_gives_the_same_ids_as_a_freshly_read_one()
    {
        using var model = Model(maxPositions: 2048);
        using var decoder = new TorchStage1Decoder(model, songs: 2);
        int[] head = LongPrompt(600);
        using var truncated = decoder.TryOpen(5)!;
        truncated.BeginAndRead([.. head, 40, 41, 42], 0, Sampling);
        Advance(decoder, truncated, 12);
        truncated.Truncate(head);
        truncated.BeginAndRead([3, 4, 5], 1, Sampling);
        using var anotherDecoder = new TorchStage1Decoder(model, songs: 1);
        using var anew = anotherDecoder.TryOpen(5)!;
        anew.BeginAndRead([.. head, 3, 4, 5], 1, Sampling);

        Advance(decoder, truncated, 12);
        Advance(anotherDecoder, anew, 12);
        Assert.Equal(anew.Sampled, truncated.Sampled);
    }

    [Fact]
    public void Open_songs_with_the_same_prompt_read_it_once_and_sing_as_if_alone()
    {
        using var model = Model(maxPositions: 2048);
        using var decoder = new TorchStage1Decoder(model, songs: 4);
        long[] seeds = [1, 2, 3];
        IStage1Sequence[] takes = [.. seeds.Select(seed => decoder.TryOpen(seed)!)];
        Array.ForEach(takes, take => take.BeginSection(LongPrompt(1300), 0, Sampling));
        while (takes[^1].Unread > 0)
        {
            Array.ForEach(takes, take => take.Read());
        }

        Assert.Equal(1299, decoder.PrefilledIds);
        Sing(decoder, takes);
        using var late = decoder.TryOpen(4)!;
        late.BeginAndRead(LongPrompt(1300), 0, Sampling);
        Sing(decoder, late);
        Assert.Equal(1299, decoder.PrefilledIds);

        // Ids after the first section are not shared; each song reads its own.
        int[][] first = [.. takes.Append(late).Select(take => take.Sampled.ToArray())];
        Array.ForEach([.. takes, late], take => take.BeginAndRead([5, 6, 7], 1, Sampling));
        Assert.Equal(1299 + (4 * 3), decoder.PrefilledIds);
        Sing(decoder, [.. takes, late]);
        foreach (var (take, i) in takes.Append(late).Select((take, i) => (take, i)))
        {
            using var alone = new TorchStage1Decoder(model, songs: 1);
            using var song = alone.TryOpen(i + 1)!;
            song.BeginAndRead(LongPrompt(1300), 0, Sampling);
            Sing(alone, song);
            Assert.Equal(song.Sampled, first[i]);
            song.BeginAndRead([5, 6, 7], 1, Sampling);
            Sing(alone, song);
            Assert.Equal(song.Sampled, take.Sampled);
            take.Dispose();
        }

        using var after = decoder.TryOpen(9)!;
        var before = decoder.PrefilledIds;
        after.BeginAndRead(LongPrompt(1300), 0, Sampling);
        Assert.Equal(before + 1299, decoder.PrefilledIds);
    }

    /// <remarks>A piece with different boundaries gives values with different bits, so it is read even though its ids are cached.</remarks>
    [Theory]
    [InlineData(1300, 1300, 0)]
    [InlineData(1300, 700, 700 - 1 - 512)]
    [InlineData(700, 1300, 1300 - 1 - 512)]
    [InlineData(513, 513, 0)]
    [InlineData(300, 200, 199)]
    public void Only_whole_pieces_of_a_prompt_are_shared(int first, int second, int read)
    {
        using var model = Model(maxPositions: 2048);
        using var decoder = new TorchStage1Decoder(model, songs: 2);
        using var holder = decoder.TryOpen(1)!;
        holder.BeginAndRead(LongPrompt(first), 0, Sampling);
        using var taker = decoder.TryOpen(2)!;
        taker.BeginAndRead(LongPrompt(second), 0, Sampling);
        Assert.Equal(first - 1 + read, decoder.PrefilledIds);
        Sing(decoder, taker);

        using var alone = new TorchStage1Decoder(model, songs: 1);
        using var song = alone.TryOpen(2)!;
        song.BeginAndRead(LongPrompt(second), 0, Sampling);
        Sing(alone, song);
        Assert.Equal(song.Sampled, taker.Sampled);
    }

    [Fact]
    public void A_truncated_song_shares_what_is_left_of_its_first_prompt()
    {
        using var model = Model(maxPositions: 2048);
        using var decoder = new TorchStage1Decoder(model, songs: 2);
        using var holder = decoder.TryOpen(1)!;
        holder.BeginAndRead(LongPrompt(1300), 0, Sampling);
        Sing(decoder, holder);
        holder.Truncate(LongPrompt(600));
        holder.BeginAndRead([3, 4, 5], 1, Sampling);
        var before = decoder.PrefilledIds;
        using var taker = decoder.TryOpen(2)!;
        taker.BeginAndRead(LongPrompt(1300), 0, Sampling);
        Assert.Equal(before + 1299 - 512, decoder.PrefilledIds);
        Sing(decoder, taker);

        using var alone = new TorchStage1Decoder(model, songs: 1);
        using var song = alone.TryOpen(2)!;
        song.BeginAndRead(LongPrompt(1300), 0, Sampling);
        Sing(alone, song);
        Assert.Equal(song.Sampled, taker.Sampled);
    }

    private static SectionSampling Sampling { get; } = new()
    {
        GuidanceScale = 1.5,
        RepetitionPenalty = 1.1,
        Temperature = 1,
        TopP = 0.93,
        TopK = 20,
        MinNewTokens = 0,
        MaxNewTokens = 50,
        EndId = 0,
        Allowed = [new IdRange(1, 60)],
    };

    private static int[] Sing(TorchStage1Decoder decoder, long seed, params IStage1Sequence[] beside)
    {
        using var song = decoder.TryOpen(seed)!;
        song.BeginAndRead([1, 2], 0, Sampling);
        for (var i = 0; i < 20; i++)
        {
            decoder.Advance([song, .. beside]);
        }

        return [.. song.Sampled];
    }

    private static void Sing(TorchStage1Decoder decoder, params IStage1Sequence[] songs)
    {
        for (var i = 0; i < 12; i++)
        {
            decoder.Advance(songs);
        }
    }

    private static void Advance(TorchStage1Decoder decoder, IStage1Sequence song, int steps)
    {
        for (var i = 0; i < steps; i++)
        {
            decoder.Advance([song]);
        }
    }

    private static int[] LongPrompt(int length) => [.. Enumerable.Range(0, length).Select(i => i * 31 % 30)];

    private static LlamaModel Model(int maxPositions = 256)
    {
        var config = TestLlama.Tiny with { MaxPositions = maxPositions };
        return new LlamaModel(config, LlamaWeights.Load(config, new RandomWeights(seed: 1, deviation: 0.2, ScalarType.Float32, CPU)));
    }
}

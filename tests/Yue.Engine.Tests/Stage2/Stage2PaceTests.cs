using Xunit;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Stage2;

namespace Yue.Engine.Tests.Stage2;

/// <summary>When stage 2 works on songs that are listened to: single decisions, and whole songs on a simulated GPU.</summary>
public sealed class Stage2PaceTests
{
    [Theory]
    [InlineData(false, 0, 0, false)]        // nobody listens
    [InlineData(true, 0, 0, true)]          // nothing was heard yet
    [InlineData(true, 6, 0, false)]         // 6 s ahead, 4 s of work and a second of margin
    [InlineData(true, 6, 1.5, true)]
    [InlineData(true, 6, 8, true)]          // the player waits
    public void A_song_is_due_before_playback_runs_dry(bool isHeard, double audible, double played, bool isDue) =>
        Assert.Equal(isDue, Stage2Pace.IsDue(new SongPace(isHeard, audible, played, FramesToNextSound: 100, SecondsPerFrame: 0.04)));

    [Fact]
    public void A_song_that_nobody_listens_to_is_made_in_one_batch()
    {
        var gpu = new Gpu { Songs = [new Song(120) { IsHeard = false }] };
        gpu.Run();
        Assert.Equal(300, gpu.Frames);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(120)]
    [InlineData(240)]
    public void Waiting_for_playback_saves_most_of_the_extra_work(int seconds)
    {
        var (waits, eager) = (new Gpu { Songs = [new Song(seconds)] }, new Gpu { Songs = [new Song(seconds)], IsEager = true });
        waits.Run();
        eager.Run();
        Assert.Equal(eager.Songs[0].FirstSound, waits.Songs[0].FirstSound);
        Assert.InRange(waits.Songs[0].LongestWait, 0, eager.Songs[0].LongestWait + 0.01);
        Assert.InRange(waits.Frames - 300, 0, seconds == 60 ? 0.75 * (eager.Frames - 300) : 0.4 * (eager.Frames - 300));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_song_that_is_made_much_faster_than_it_plays_never_waits(int songs)
    {
        var gpu = new Gpu { Songs = [.. Enumerable.Range(0, songs).Select(_ => new Song(120))], Speed = 3 };
        gpu.Run();
        Assert.All(gpu.Songs, song => Assert.InRange(song.FirstSound, 0, 3));
        Assert.All(gpu.Songs, song => Assert.InRange(song.LongestWait, 0, 0.05));
    }

    [Fact]
    public void A_song_without_a_listener_is_not_made_later_than_the_others()
    {
        var gpu = new Gpu { Songs = [new Song(120), new Song(120) { IsHeard = false }, new Song(120)] };
        gpu.Run();
        Assert.True(gpu.Songs[1].Done <= gpu.Songs.Max(song => song.Done));
    }

    /// <summary>A simulated GPU with step times near those measured on an H100 with int8 weights and an fp8 cache. It takes turns as the
    /// engine does: 16 tokens of stage 1, then 4 frames of stage 2.</summary>
    private sealed class Gpu
    {
        private const int Context = 29;

        public required Song[] Songs { get; init; }

        public double Speed { get; init; } = 1;

        /// <summary>True if stage 2 works whenever it can.</summary>
        public bool IsEager { get; init; }

        public int Frames { get; private set; }

        public double Now { get; private set; }

        private double FrameSeconds => 8 * (0.0015 + (0.000045 * Songs.Sum(song => song.Rows))) / Speed;

        public void Run()
        {
            while (Array.Exists(Songs, song => song.Done == 0))
            {
                Song[] writing = [.. Songs.Where(song => song.Written < song.Length)];
                Now += writing.Length > 0 ? 16 * (0.00243 + (0.00005 * writing.Length)) / Speed : 0;
                Array.ForEach(writing, song => song.Written = Math.Min(song.Written + 8, song.Length));
                Song[] due = [.. Songs.Where(song => song.Done == 0 && IsDue(song))];
                foreach (var song in due)
                {
                    song.Begin();
                }

                if (due.Length > 0)
                {
                    Now += 4 * FrameSeconds;
                    Frames += 4;
                    Array.ForEach(Songs, song => song.Step(4));
                }

                Array.ForEach(Songs, song => song.Decode(Now));
            }
        }

        private bool IsDue(Song song) => song.Written == song.Length || (IsEager && song.IsHeard) || Stage2Pace.IsDue(new SongPace(
            song.IsHeard,
            song.Audible / 50.0,
            song.FirstSound == 0 ? 0 : Now - song.FirstSound,
            song.FramesTo(DecodeWindows.Default.FramesFor(song.Audible, Context)),
            FrameSeconds));
    }

    private sealed class Song(int seconds)
    {
        private const int Chunk = Stage2Chunks.FramesPerChunk;

        private readonly List<int> _done = [];      // chunk → finished frames

        public bool IsHeard { get; init; } = true;

        public int Length => 50 * seconds;

        public int Written { get; set; }

        public int Audible { get; private set; }

        public double FirstSound { get; private set; }

        public double LongestWait { get; private set; }

        public double Done { get; private set; }

        public int Rows => 2 * _done.Where((done, i) => done < FramesOf(i)).Count();

        public void Begin()
        {
            while (_done.Count * Chunk < Length && Written >= Math.Min((_done.Count + 1) * Chunk, Length))
            {
                _done.Add(0);
            }
        }

        public void Step(int frames)
        {
            for (var i = 0; i < _done.Count; i++)
            {
                _done[i] = Math.Min(_done[i] + frames, FramesOf(i));
            }
        }

        public int FramesTo(int frame) => Enumerable.Range(0, (frame + Chunk - 1) / Chunk)
            .Max(i => Math.Min(frame - (i * Chunk), Chunk) - (i < _done.Count ? _done[i] : 0));

        public void Decode(double now)
        {
            var ready = 0;
            for (var i = 0; i < _done.Count && ready == i * Chunk; i++)
            {
                ready += _done[i];
            }

            while (DecodeWindows.Default.Next(Audible, ready, ready == Length, context: 29) is { } window)
            {
                FirstSound = FirstSound == 0 ? now : FirstSound;
                LongestWait = Math.Max(LongestWait, now - FirstSound - (Audible / 50.0));
                Audible = window.End;
            }

            Done = Audible == Length && Done == 0 ? now : Done;
        }

        private int FramesOf(int chunk) => Math.Min(Chunk, Length - (chunk * Chunk));
    }
}

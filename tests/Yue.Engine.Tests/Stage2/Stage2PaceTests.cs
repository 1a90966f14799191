using Xunit;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Stage2;

namespace Yue.Engine.Tests.Stage2;

/// <summary>Tests the pace of stage 2 for whole songs on simulated GPUs.</summary>
public sealed class Stage2PaceTests
{
    [Fact]
    public void Songs_without_listeners_are_made_in_one_batch()
    {
        var gpu = new Gpu(GpuTimes.H100Int8, 120, 120) { IsHeard = false };
        gpu.Run();
        Assert.Equal(300, gpu.Frames);
    }

    [Theory]
    [InlineData("H100Int8", 30, 4.0, 22)]
    [InlineData("H100Int8", 240, 4.0, 15)]
    [InlineData("H200Int8", 30, 4.0, 22)]
    [InlineData("H200Int8", 120, 4.0, 21)]
    [InlineData("H200BFloat16", 30, 7.0, 20)]
    [InlineData("H200BFloat16", 240, 7.0, 15)]
    [InlineData("H100BFloat16", 30, 11.0, 20)]
    [InlineData("H100BFloat16", 120, 11.0, 22)]
    public void A_song_plays_early_and_without_a_pause(string gpu, int seconds, double maxFirstSound, double maxExtraPercent)
    {
        var (unheard, heard) = (new Gpu(gpu, seconds) { IsHeard = false }, new Gpu(gpu, seconds));
        unheard.Run();
        heard.Run();
        Assert.InRange(heard.Songs[0].FirstSound, 0.5, maxFirstSound);
        Assert.InRange(heard.Songs[0].LongestWait, 0, 0.2);
        Assert.InRange((heard.Now / unheard.Now * 100) - 100, 0, maxExtraPercent);
    }

    [Theory]
    [InlineData("H100Int8", 8, 30, 15.0, 12)]
    [InlineData("H200Int8", 8, 30, 15.0, 15)]
    [InlineData("H200Int8", 4, 60, 8.5, 17)]
    [InlineData("H200Int8", 2, 60, 4.5, 22)]
    public void Concurrent_songs_play_without_a_pause(string gpu, int count, int seconds, double maxFirstSound, double maxExtraPercent)
    {
        int[] songs = [.. Enumerable.Repeat(seconds, count)];
        var (unheard, heard) = (new Gpu(gpu, songs) { IsHeard = false }, new Gpu(gpu, songs));
        unheard.Run();
        heard.Run();
        Assert.All(heard.Songs, song => Assert.InRange(song.FirstSound, 0.5, maxFirstSound));
        Assert.All(heard.Songs, song => Assert.InRange(song.LongestWait, 0, 0.2));
        Assert.InRange((heard.Now / unheard.Now * 100) - 100, 0, maxExtraPercent);
    }

    [Fact]
    public void A_song_without_a_listener_is_finished_at_most_a_second_after_the_others()
    {
        var gpu = new Gpu(GpuTimes.H200Int8, 120, 120, 120);
        gpu.Songs[1].IsHeard = false;
        gpu.Run();
        Assert.InRange(gpu.Songs[1].Done, 1, gpu.Songs.Where(song => song.IsHeard).Max(song => song.Done) + 1);
    }

    [Fact]
    public void One_of_the_first_three_chunks_gets_a_head_start()
    {
        var times = Times(stage1: 0.0073, row: 0.0008, songs: 8);
        var song = new Song(1500) { FramesWritten = 299 };
        Assert.Equal(Stage2Turn.Wait, Stage2Pace.Next(song, times, 0));
        song.FramesWritten = 300;
        Assert.Equal(new Stage2Turn(IsDue: true, Chunks: 1), Stage2Pace.Next(song, times, 0));
        song.Begin(1);
        song.Step(68);
        Assert.Equal(new Stage2Turn(IsDue: true, Chunks: 0), Stage2Pace.Next(song, times, 2));
        song.Step(4);
        Assert.Equal(Stage2Turn.Wait, Stage2Pace.Next(song, times, 2));
        song.FramesWritten = 900;
        Assert.Equal(new Stage2Turn(IsDue: true, Chunks: 2), Stage2Pace.Next(song, times, 2));
    }

    [Theory]
    [InlineData(250, 1)]
    [InlineData(500, 2)]
    public void A_short_song_does_not_wait_for_chunks_that_it_will_not_have(int frames, int chunks)
    {
        var times = Times(stage1: 0.0073, row: 0.0008, songs: 8);
        var song = new Song(frames) { FramesWritten = frames };
        Assert.Equal(new Stage2Turn(IsDue: true, chunks), Stage2Pace.Next(song, times, 0));
        song.Begin(chunks);
        Assert.True(Stage2Pace.Next(song, times, 2 * chunks).IsDue);
    }

    [Fact]
    public void A_faster_GPU_begins_with_two_chunks_and_a_slower_one_with_three()
    {
        Assert.Equal(2, Stage2Pace.FirstChunks(Times(stage1: 0.0049, row: 0.0008, songs: 1)));
        Assert.Equal(3, Stage2Pace.FirstChunks(Times(stage1: 0.0087, row: 0.00103, songs: 1)));
        Assert.Equal(3, Stage2Pace.FirstChunks(Times(stage1: 0.0073, row: 0.0008, songs: 8)));
        Assert.Equal(2, Stage2Pace.FirstChunks(Times(stage1: 0.0001, row: 0.0001, songs: 1)));
    }

    private static StepTimes Times(double stage1, double row, int songs)
    {
        var times = new StepTimes();
        for (var i = 0; i < 100; i++)
        {
            times.CountStage1(songs, 16, TimeSpan.FromSeconds(stage1 * 8));
            times.CountStage2([150, 150], 4, TimeSpan.FromSeconds(4 * row * (StepTimes.FixedRows + 2)));
        }

        return times;
    }

    /// <summary>The milliseconds per step, by number of rows, measured with <c>Yue.Bench gpu</c>. With 8-bit weights, the cache is
    /// fp8.</summary>
    private sealed record GpuTimes((int Rows, double Ms)[] Stage1, (int Rows, double Ms)[] Stage2)
    {
        public const string H100Int8 = nameof(H100Int8);
        public const string H200Int8 = nameof(H200Int8);

        public static GpuTimes Of(string name) => name switch
        {
            H100Int8 => new(
                [(2, 2.45), (16, 3.7)],
                [(2, 1.17), (4, 1.37), (10, 1.95), (20, 2.9), (32, 3.8), (64, 6.8), (80, 8.2)]),
            H200Int8 => new(
                [(2, 2.07), (8, 2.31), (16, 3.2)],
                [(2, 1.153), (4, 1.348), (10, 1.94), (20, 2.88), (32, 3.76), (48, 5.74), (64, 6.79), (80, 8.21)]),
            "H100BFloat16" => new(
                [(2, 4.33), (16, 5.1)],
                [(2, 1.551), (4, 1.8), (10, 2.726), (20, 4.2), (32, 5.4), (64, 9.2), (80, 11.2)]),
            _ => new(
                [(2, 3.29), (16, 4.1)],
                [(2, 1.329), (4, 1.539), (10, 2.255), (20, 3.74), (32, 5.01), (64, 9.06), (80, 11.07)]),
        };

        /// <summary>Returns the duration of a stage-2 step, in seconds. The steps were measured in the middle of a chunk. The time of a
        /// step without rows is extrapolated from the first and third measurements. During a chunk, the time that the rows add grows from
        /// 0.44 to 1.56 times the measured one.</summary>
        /// <param name="rows">The number of finished frames of each row.</param>
        public double Stage2Seconds(int[] rows)
        {
            var ((low, lowMs), (high, highMs)) = (Stage2[0], Stage2[2]);
            var weights = (lowMs - (low * (highMs - lowMs) / (high - low))) / 1000;
            return weights + ((At(Stage2, rows.Length) - weights) * rows.Average(done => 0.44 + (done / 268.0)));
        }

        /// <summary>Returns the interpolated duration of a step, in seconds.</summary>
        public static double At((int Rows, double Ms)[] measured, int rows)
        {
            var above = Math.Max(1, Array.FindIndex(measured, step => step.Rows >= rows));
            var (low, high) = (measured[above - 1], measured[above]);
            var share = Math.Max(0, (rows - low.Rows) / (double)(high.Rows - low.Rows));
            return (low.Ms + (share * (high.Ms - low.Ms))) / 1000;
        }
    }

    /// <summary>A simulated GPU that alternates, as the engine does, between 16 tokens of stage 1, 4 frames of stage 2 and one window of
    /// one of the two sound models.</summary>
    private sealed class Gpu(string name, params int[] seconds)
    {
        private const int MaxRows = 80;
        private const double DecodeSecondsPerFrame = 0.00004;
        private const double MinDecodeSeconds = 0.008;
        private const double PromptSeconds = 0.04;
        private const double HostSeconds = 0.002;       // between two steps

        private readonly GpuTimes _gpu = GpuTimes.Of(name);
        private readonly StepTimes _times = new();

        public bool IsHeard
        {
            init => Array.ForEach(Songs, song => song.IsHeard = value);
        }

        public Song[] Songs { get; } = [.. seconds.Select(length => new Song(50 * length))];

        public int Frames { get; private set; }

        public double Now { get; private set; }

        private int Rows => Songs.Sum(song => song.Rows);

        public void Run()
        {
            while (Array.Exists(Songs, song => song.Done == 0))
            {
                Write();
                foreach (var song in Songs.Where(song => song.Done == 0))
                {
                    song.Now = Now;
                    song.Turn = Stage2Pace.Next(song, _times, Rows);
                    Now += song.Begin(Math.Min(song.Turn.Chunks, (MaxRows - Rows) / 2)) ? PromptSeconds : 0;
                }

                Advance();
                Array.ForEach(Songs, Decode);
            }
        }

        private void Write()
        {
            if (!Array.Exists(Songs, song => !song.IsWritten && !(song is { IsHeard: true, IsRunning: true, Turn.IsDue: true })))
            {
                return;
            }

            // A step also advances the songs that are waiting for stage 2.
            Song[] writing = [.. Songs.Where(song => !song.IsWritten)];
            var time = 16 * GpuTimes.At(_gpu.Stage1, 2 * writing.Length);
            Now += time + HostSeconds;
            Array.ForEach(writing, song => song.FramesWritten = Math.Min(song.FramesWritten + 8, song.Length));
            _times.CountStage1(writing.Length, 16, TimeSpan.FromSeconds(time));
        }

        private void Advance()
        {
            if (Rows > 0 && Array.Exists(Songs, song => song is { Turn.IsDue: true, IsRunning: true }))
            {
                int[] rows = [.. Songs.SelectMany(song => song.RowFrames)];
                var time = 4 * 8 * _gpu.Stage2Seconds(rows);
                Now += time + HostSeconds;
                Frames += 4;
                _times.CountStage2(rows, 4, TimeSpan.FromSeconds(time));
                Array.ForEach(Songs, song => song.Step(4));
            }
        }

        private void Decode(Song song)
        {
            if (song.Done == 0 && song.Decode() is > 0 and var frames)
            {
                Now += Math.Max(frames * DecodeSecondsPerFrame, MinDecodeSeconds);
                song.Play(Now);
            }

            if (song.FirstSound == 0 && song.Decoded > 0)
            {
                song.Start(Now, Stage2Pace.CanStart(song, song.Decoded / 50.0, _times, Rows));
            }
        }
    }

    private sealed class Song(int length) : IPacedSong
    {
        private const int Chunk = Stage2Chunks.FramesPerChunk;
        private const int Context = 29;

        private readonly List<int> _done = [];      // chunk → finished frames
        private int _windowStart;                   // start of the window that was decoded last
        private bool _isHalfDecoded;                // true after the first of the two models has decoded the next window

        public bool IsHeard { get; set; } = true;

        public int Length => length;

        public int FramesWritten { get; set; }

        public bool IsWritten => FramesWritten == Length;

        public int RowsPerChunk => 2;

        public int ChunksBegun => _done.Count;

        public bool IsRunning => Rows > 0;

        public double Now { get; set; }

        public double? LeadSeconds => FirstSound == 0 ? null : (Decoded / 50.0) - (Now - FirstSound);

        public IEnumerable<(int Start, int FramesNeeded)> WindowsLeft => DecodeWindows.Default.From(Decoded, Context);

        public Stage2Turn Turn { get; set; }

        public int Decoded { get; private set; }

        public double FirstSound { get; private set; }

        public double LongestWait { get; private set; }

        public double Done { get; private set; }

        public int Rows => RowFrames.Count();

        /// <summary>The number of finished frames of each active row.</summary>
        public IEnumerable<int> RowFrames => _done.Where((done, i) => done < FramesOf(i)).SelectMany(done => new[] { done, done });

        /// <summary>Begins up to the given number of chunks whose frames are written.</summary>
        /// <returns>True if at least one chunk began.</returns>
        public bool Begin(int chunks)
        {
            var before = _done.Count;
            for (; chunks > 0 && _done.Count * Chunk < Length && FramesWritten >= Math.Min((_done.Count + 1) * Chunk, Length); chunks--)
            {
                _done.Add(0);
            }

            return _done.Count > before;
        }

        public void Step(int frames)
        {
            for (var i = 0; i < _done.Count; i++)
            {
                _done[i] = Math.Min(_done[i] + frames, FramesOf(i));
            }
        }

        public (int From, int To) FramesTo(int frame) => Enumerable.Range(0, (frame + Chunk - 1) / Chunk)
            .Select(i => (From: i < _done.Count ? _done[i] : 0, To: Math.Min(frame - (i * Chunk), Chunk)))
            .MaxBy(frames => frames.To - frames.From);

        /// <summary>Decodes the next window with one of the two sound models and returns the window's length. Returns 0 if stage 2 has not
        /// finished the frames of the window.</summary>
        public int Decode()
        {
            var ready = 0;
            for (var i = 0; i < _done.Count && ready == i * Chunk; i++)
            {
                ready += _done[i];
            }

            if (DecodeWindows.Default.Next(Decoded, ready, ready == Length, Context) is not { } window)
            {
                return 0;
            }

            _isHalfDecoded = !_isHalfDecoded;
            (_windowStart, Decoded) = _isHalfDecoded ? (_windowStart, Decoded) : (window.Start, window.End);
            return window.To - window.From;
        }

        /// <summary>Records how long the listener waited for a window that both sound models have decoded, and the time at which the last
        /// window was decoded.</summary>
        public void Play(double now)
        {
            if (FirstSound > 0 && !_isHalfDecoded)
            {
                LongestWait = Math.Max(LongestWait, now - FirstSound - (_windowStart / 50.0));
            }

            Done = Decoded == Length ? now : 0;
        }

        /// <summary>Starts playback if it may start or all frames are decoded.</summary>
        public void Start(double now, bool canStart) => FirstSound = canStart || Decoded == Length ? now : 0;

        private int FramesOf(int chunk) => Math.Min(Chunk, Length - (chunk * Chunk));
    }
}

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>A song in stage 2. It processes the chunks of its tracks, as many at a time as the decoder has free rows.</summary>
/// <remarks>Frames may be added while others are being processed. Chunks are cut from the beginning of the song, so they do not depend on
/// when frames arrive.</remarks>
/// <param name="hasVocal">False if the song has only the instrumental track.</param>
public sealed class Stage2Song(bool hasVocal) : IDisposable
{
    private readonly Track? _vocal = hasVocal ? new Track() : null;
    private readonly Track _instrumental = new();
    private readonly List<(IStage2Run Run, Chunk[] Chunks)> _runs = [];
    private bool _isComplete;
    private int _taken;                         // the number of frames that TakeFrames has returned

    /// <summary>The number of frames of all tracks so far.</summary>
    public int Frames => Tracks.Sum(track => track.Given.Count);

    /// <summary>The number of finished frames of all tracks.</summary>
    public int FramesDone => Tracks.Sum(track => track.Chunks.Sum(chunk => chunk.FramesDone));

    /// <summary>The number of chunks of each track that have begun.</summary>
    public int ChunksBegun => Tracks.Min(track => track.Chunks.Count);

    /// <summary>True if there is a complete chunk that has not begun yet.</summary>
    public bool CanBegin => Tracks.Any(track => NextFrames(track) > 0);

    /// <summary>True if a chunk that has begun still has frames to write.</summary>
    public bool IsRunning => _runs.Exists(run => !run.Run.IsDone);

    /// <summary>True if the song is complete and every frame is finished.</summary>
    public bool IsDone => _isComplete && _runs.Count == 0 && !CanBegin;

    private IEnumerable<Track> Tracks => _vocal is null ? [_instrumental] : [_vocal, _instrumental];

    /// <summary>The number of rows that the song uses: one per chunk of each unfinished run.</summary>
    public int Rows => _runs.Sum(run => run.Run.IsDone ? 0 : run.Chunks.Length);

    /// <summary>Returns the progress toward finishing all frames before <paramref name="frame"/>, in the chunk that has the most of them
    /// left to write: its number of finished frames, and the number that it has to reach.</summary>
    public (int From, int To) FramesTo(int frame) =>
        Tracks.SelectMany(track => track.FramesTo(frame)).Append((From: 0, To: 0)).MaxBy(frames => frames.To - frames.From);

    /// <summary>Adds frames.</summary>
    /// <param name="vocal">Codebook-0 codes; not read if the song has only the instrumental track.</param>
    /// <param name="instrumental">The same number of codebook-0 codes.</param>
    public void Append(ReadOnlySpan<int> vocal, ReadOnlySpan<int> instrumental)
    {
        _vocal?.Given.AddRange(vocal);
        _instrumental.Given.AddRange(instrumental);
    }

    /// <summary>Marks the end: no more frames will be added, and the last chunk may be shorter.</summary>
    public void Complete() => _isComplete = true;

    /// <summary>Reads the results of the decoder's last step, and begins as many of the next chunks as possible.</summary>
    /// <param name="decoder">Writes the residual codebooks; the same in every call.</param>
    /// <param name="maxRows">The maximum number of rows for the song.</param>
    public void Advance(IStage2Decoder decoder, int maxRows)
    {
        foreach (var (run, chunks) in _runs.Where(run => run.Run.IsDone))
        {
            foreach (var chunk in chunks)
            {
                chunk.Finish();
            }

            run.Dispose();
        }

        _runs.RemoveAll(run => run.Run.IsDone);
        Begin(decoder, Math.Min(decoder.FreeRows, maxRows - _runs.Sum(run => run.Chunks.Length)));
    }

    /// <summary>Returns the frames that were finished since the last call, up to the first one that is not finished on all
    /// tracks.</summary>
    /// <returns>The codes of each track, [Q][n]; null for the vocal track if the song has only the instrumental track.</returns>
    public (int[][]? Vocal, int[][] Instrumental) TakeFrames()
    {
        var ready = Tracks.Min(track => track.Ready(_taken));
        var taken = _taken..ready;
        _taken = ready;
        return (_vocal?.Codes(taken), _instrumental.Codes(taken));
    }

    public void Dispose()
    {
        foreach (var (run, _) in _runs)
        {
            run.Dispose();
        }

        _runs.Clear();
    }

    /// <summary>Begins chunks in the order of the song, alternating between the tracks.</summary>
    private void Begin(IStage2Decoder decoder, int rows)
    {
        List<(Track Track, int[] Given)> chosen = [];
        for (; rows > 0 && Tracks.MinBy(track => track.Begun) is { } track && NextFrames(track) is > 0 and var frames; rows--)
        {
            chosen.Add((track, [.. track.Given.GetRange(track.Begun, frames)]));
            track.Begun += frames;
        }

        if (chosen.Count > 0)
        {
            var run = decoder.Begin([.. chosen.Select(chunk => chunk.Given)]);
            Chunk[] chunks = [.. chosen.Select((chunk, i) => new Chunk(run, i, chunk.Given.Length))];
            _runs.Add((run, chunks));
            foreach (var ((track, _), chunk) in chosen.Zip(chunks))
            {
                track.Chunks.Add(chunk);
            }
        }
    }

    /// <summary>Returns the length of a track's next chunk; 0 if it is not complete, or there is none.</summary>
    private int NextFrames(Track track)
    {
        var count = Math.Min(track.Given.Count - track.Begun, Stage2Chunks.FramesPerChunk);
        return count == Stage2Chunks.FramesPerChunk || _isComplete ? count : 0;
    }

    /// <summary>A track with its codebook-0 codes and the chunks that have begun.</summary>
    private sealed class Track
    {
        public List<int> Given { get; } = [];

        public List<Chunk> Chunks { get; } = [];

        /// <summary>The number of frames of the chunks that have begun.</summary>
        public int Begun { get; set; }

        /// <summary>Returns the frame before which every frame is finished.</summary>
        /// <param name="from">A frame before which every frame is known to be finished.</param>
        public int Ready(int from)
        {
            var first = from / Stage2Chunks.FramesPerChunk;
            var ready = first * Stage2Chunks.FramesPerChunk;
            foreach (var chunk in Chunks.Skip(first))
            {
                ready += chunk.FramesDone;
                if (chunk.FramesDone < chunk.Frames)
                {
                    break;
                }
            }

            return Math.Max(ready, from);
        }

        /// <summary>Returns the number of finished frames of each chunk, and the number required for the track to be finished up to
        /// the given frame.</summary>
        public IEnumerable<(int From, int To)> FramesTo(int frame)
        {
            const int PerChunk = Stage2Chunks.FramesPerChunk;
            return Enumerable.Range(0, (frame + PerChunk - 1) / PerChunk)
                .Select(i => (i < Chunks.Count ? Chunks[i].FramesDone : 0, Math.Min(frame - (i * PerChunk), PerChunk)));
        }

        /// <summary>Returns the codes of finished frames, [Q][n].</summary>
        public int[][] Codes(Range frames)
        {
            const int PerChunk = Stage2Chunks.FramesPerChunk;
            List<int[][]> parts = [];
            for (var from = frames.Start.Value; from < frames.End.Value;)
            {
                var chunk = from / PerChunk;
                var to = Math.Min((chunk + 1) * PerChunk, frames.End.Value);
                parts.Add(Chunks[chunk].Codes((from - (chunk * PerChunk))..(to - (chunk * PerChunk))));
                from = to;
            }

            return [.. Enumerable.Range(0, Stage2Chunks.Codebooks).Select(codebook => parts.SelectMany(part => part[codebook]).ToArray())];
        }
    }

    /// <summary>A chunk that has begun.</summary>
    private sealed class Chunk(IStage2Run run, int index, int frames)
    {
        private int[][]? _codes;                // set once it is finished

        public int Frames => frames;

        public int FramesDone => _codes is null ? run.FramesDoneOf(index) : frames;

        public int[][] Codes(Range range) => _codes is null ? run.Codes(index, range) : [.. _codes.Select(row => row[range])];

        /// <summary>Copies the codes because the run is about to be disposed.</summary>
        public void Finish() => _codes = run.Codes(index, ..);
    }
}

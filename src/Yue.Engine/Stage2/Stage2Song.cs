namespace Yue.Engine.Stage2;

/// <summary>One song's way through stage 2: the chunks of its tracks, as many at a time as the decoder has rows.</summary>
public sealed class Stage2Song : IDisposable
{
    private readonly IStage2Decoder _decoder;
    private readonly int[][] _chunks;           // the vocal track's, then the instrumental track's
    private readonly int[][][] _codes;          // chunk → codebook → frame
    private readonly int _vocalChunks;
    private IStage2Run? _run;
    private int _first;                         // the run's first chunk
    private int _framesBefore;                  // frames of the runs before this one

    /// <summary>Cuts the tracks.</summary>
    /// <param name="decoder">Writes the residual codebooks.</param>
    /// <param name="vocal">Codebook-0 codes; none for a song that is its instrumental track.</param>
    /// <param name="instrumental">Codebook-0 codes.</param>
    public Stage2Song(IStage2Decoder decoder, int[] vocal, int[] instrumental)
    {
        _decoder = decoder;
        int[][] vocalChunks = [.. Stage2Chunks.Of(vocal)];
        _vocalChunks = vocalChunks.Length;
        _chunks = [.. vocalChunks, .. Stage2Chunks.Of(instrumental)];
        _codes = new int[_chunks.Length][][];
        FramesTotal = vocal.Length + instrumental.Length;
    }

    /// <summary>Frames of both tracks.</summary>
    public int FramesTotal { get; }

    /// <summary>Frames finished, over both tracks.</summary>
    public int FramesDone => _framesBefore + (_run?.FramesDone ?? 0);

    /// <summary>Moves the chunks that are running a step on; begins the next ones when they are done and the decoder is free.</summary>
    /// <returns>Whether anything is left to do.</returns>
    public bool Advance()
    {
        _run ??= _decoder.TryBegin(_chunks[_first..Math.Min(_first + _decoder.MaxRows, _chunks.Length)]);
        if (_run is null || _run.Advance())
        {
            return true;
        }

        var count = Math.Min(_decoder.MaxRows, _chunks.Length - _first);
        for (var i = 0; i < count; i++)
        {
            _codes[_first + i] = _run.Codes(i);
        }

        _first += count;
        _framesBefore += _run.FramesDone;
        _run.Dispose();
        _run = null;
        return _first < _chunks.Length;
    }

    /// <summary>The finished codes of a track, [Q][F].</summary>
    public int[][] VocalCodes => Join(_codes[.._vocalChunks]);

    /// <inheritdoc cref="VocalCodes"/>
    public int[][] InstrumentalCodes => Join(_codes[_vocalChunks..]);

    public void Dispose() => _run?.Dispose();

    private static int[][] Join(int[][][] chunks) =>
        [.. Enumerable.Range(0, Stage2Chunks.Codebooks).Select(codebook => chunks.SelectMany(chunk => chunk[codebook]).ToArray())];
}

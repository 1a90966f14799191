namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>One song in stage 2: the chunks of its tracks, as many at a time as the decoder has free rows.</summary>
public sealed class Stage2Song : IDisposable
{
    private readonly IStage2Decoder _decoder;
    private readonly int[][] _chunks;           // the vocal track's, then the instrumental track's
    private readonly int[][][] _codes;          // chunk → codebook → frame
    private readonly int _vocalChunks;
    private IStage2Run? _run;
    private int _first;                         // the run's first chunk
    private int _count;                         // and how many it has
    private int _framesBefore;                  // frames of the runs before this one

    /// <summary>Cuts the tracks into chunks.</summary>
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

    /// <summary>The frames of both tracks.</summary>
    public int FramesTotal { get; }

    /// <summary>The finished frames of both tracks.</summary>
    public int FramesDone => _framesBefore + (_run?.FramesDone ?? 0);

    /// <summary>Takes the result of the decoder's last step, and begins as many of the next chunks as there is room for.</summary>
    /// <returns>True if anything is left to do.</returns>
    public bool Advance()
    {
        if (_run is { IsDone: true })
        {
            for (var i = 0; i < _count; i++)
            {
                _codes[_first + i] = _run.Codes(i);
            }

            _first += _count;
            _framesBefore += _run.FramesDone;
            _run.Dispose();
            _run = null;
        }

        if (_run is null && _first < _chunks.Length && _decoder.FreeRows > 0)
        {
            _count = Math.Min(_decoder.FreeRows, _chunks.Length - _first);
            _run = _decoder.Begin(_chunks[_first..(_first + _count)]);
        }

        return _first < _chunks.Length;
    }

    /// <summary>The finished codes of the vocal track, [Q][F].</summary>
    public int[][] VocalCodes => Join(_codes[.._vocalChunks]);

    /// <summary>The finished codes of the instrumental track, [Q][F].</summary>
    public int[][] InstrumentalCodes => Join(_codes[_vocalChunks..]);

    public void Dispose() => _run?.Dispose();

    private static int[][] Join(int[][][] chunks) =>
        [.. Enumerable.Range(0, Stage2Chunks.Codebooks).Select(codebook => chunks.SelectMany(chunk => chunk[codebook]).ToArray())];
}

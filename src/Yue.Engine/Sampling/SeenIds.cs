namespace Yue.Engine.Sampling;

/// <summary>The token ids that have occurred in a song, for the repetition penalty.</summary>
public sealed class SeenIds(int vocabularySize)
{
    private readonly bool[] _seen = new bool[vocabularySize];

    public bool Contains(int id) => _seen[id];

    public void Add(int id) => _seen[id] = true;

    public void Add(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            _seen[id] = true;
        }
    }

    public void Clear() => Array.Clear(_seen);
}

using Yue.Engine.Llama;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>The first prompt of a song. Other songs whose first prompts begin with the same ids can reuse its keys and values, chunk by
/// chunk.</summary>
/// <remarks>The keys and values of a chunk depend only on the ids up to its end and on its boundaries. Only chunks with the same boundaries
/// are reused, so the reused keys and values equal, bit for bit, those that the song would compute itself. Sampled ids are never
/// reused.</remarks>
internal sealed class OpeningPrompt
{
    private int[] _ids = [];
    private int _held;          // the number of ids at the start whose keys and values the song has
    private bool _isBeingRead;

    /// <summary>Starts the first prompt of a song.</summary>
    public void Begin(ReadOnlySpan<int> ids) => (_ids, _held, _isBeingRead) = (ids.ToArray(), 0, true);

    /// <summary>Records that the next ids of the prompt were read. Prompts of later sections are not counted.</summary>
    public void CountRead(int count) => _held += _isBeingRead ? count : 0;

    /// <summary>Records that a later section begins. Everything read from now on depends on sampled ids.</summary>
    public void End() => _isBeingRead = false;

    /// <summary>Records that the context is truncated to its first ids.</summary>
    public void Truncate(int length) => (_held, _isBeingRead) = (Math.Min(_held, length), false);

    /// <summary>Returns true if this song has the keys and values of the chunk that another song reads next.</summary>
    /// <param name="other">The first prompt of the other song.</param>
    /// <param name="length">The number of ids in the chunk.</param>
    public bool HasNextOf(OpeningPrompt other, int length)
    {
        var end = other._held + length;
        return other._isBeingRead
            && end <= _held
            && (length == LlamaModel.PrefillChunk || end == _ids.Length)
            && _ids.AsSpan(..end).SequenceEqual(other._ids.AsSpan(..end));
    }
}

using Yue.Engine.Llama;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>The first prompt of a song, whose keys and values other songs with the same prompt can take over, piece by piece.</summary>
/// <remarks>Keys and values of a piece depend on the ids up to its end and on where it begins and ends, and on nothing else. Only pieces
/// that begin and end alike are taken over, so a song has the same bits as if it had read them itself. What was sampled is never
/// taken over.</remarks>
internal sealed class OpeningPrompt
{
    private int[] _ids = [];
    private int _held;          // the first ids whose keys and values the song has
    private bool _isBeingRead;

    /// <summary>Begins to read the first prompt of a song.</summary>
    public void Begin(ReadOnlySpan<int> ids) => (_ids, _held, _isBeingRead) = (ids.ToArray(), 0, true);

    /// <summary>Notes that the next ids of the prompt were read. Prompts of further sections are not counted.</summary>
    public void Hold(int count) => _held += _isBeingRead ? count : 0;

    /// <summary>Notes that a further section begins: what is read from now on depends on what was sampled.</summary>
    public void End() => _isBeingRead = false;

    /// <summary>Notes that the song forgets everything after its first ids.</summary>
    public void Truncate(int length) => (_held, _isBeingRead) = (Math.Min(_held, length), false);

    /// <summary>Returns true if this song has the piece that another one reads next.</summary>
    /// <param name="other">The first prompt of the other song.</param>
    /// <param name="length">The number of ids in the piece.</param>
    public bool HasNextOf(OpeningPrompt other, int length)
    {
        var end = other._held + length;
        return other._isBeingRead
            && end <= _held
            && (length == LlamaModel.PrefillChunk || end == _ids.Length)
            && _ids.AsSpan(..end).SequenceEqual(other._ids.AsSpan(..end));
    }
}

using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue2.Flow;

/// <summary>The chunks of a song that flow matching solves separately (docs/model-yue2.md 6.1). The context limits their size.</summary>
public static class FlowChunks
{
    /// <summary>The number of positions in a chunk in addition to its prompt, music tokens and frames: one for the end of the music, and
    /// two for the border frames.</summary>
    private const int Extra = 3;

    /// <summary>Returns the range of frames of each chunk.</summary>
    /// <param name="frames">The number of frames in the song.</param>
    /// <param name="promptTokens">The number of tokens in the music's prompt, with which every chunk begins.</param>
    /// <param name="context">The number of positions in the model's context.</param>
    /// <exception cref="SongException">There are no frames, or the prompt leaves no room for one.</exception>
    public static IReadOnlyList<Range> Of(int frames, int promptTokens, int context)
    {
        if (frames < 1)
        {
            throw new SongException("the music has no tokens, so there is nothing to render");
        }

        var size = (context - promptTokens - Extra) / 2;
        return size >= 1
            ? [.. Enumerable.Range(0, (frames + size - 1) / size).Select(chunk => (chunk * size)..Math.Min((chunk + 1) * size, frames))]
            : throw new SongException(
                $"the music's prompt has {promptTokens} tokens; the context of {context} leaves no room for a frame. Shorten the score");
    }
}

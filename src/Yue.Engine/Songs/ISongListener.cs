namespace Yue.Engine.Songs;

/// <summary>Listens to a song while it is made. The song is the same without a listener.</summary>
public interface ISongListener
{
    /// <summary>True while somebody listens: the song's beginning is then made before its end. Read between steps, on the engine's
    /// thread.</summary>
    bool IsListening { get; }
}

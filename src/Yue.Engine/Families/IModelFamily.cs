using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Families;

/// <summary>A model family, which recognizes its checkpoints and opens them to make songs.</summary>
internal interface IModelFamily
{
    /// <summary>Returns true if a folder contains a checkpoint of this family that requests can name.</summary>
    bool Recognizes(string folder);

    /// <summary>Reads the dimensions of checkpoints without loading weights.</summary>
    /// <param name="checkpoints">The folders, each with the name that requests use, the default first. If there are none, the family's
    /// built-in model is opened.</param>
    IFamilySongs Open(IReadOnlyList<KeyValuePair<string, string>> checkpoints);
}

/// <summary>The opened models of a family, which make songs.</summary>
internal interface IFamilySongs : IFamilyModels
{
    /// <summary>The description of the family.</summary>
    FamilyDescription Family { get; }

    /// <summary>The names that requests use, the default first.</summary>
    IReadOnlyList<string> Names { get; }

    /// <summary>A short request. Its song is made before any real request, in order to load, allocate and compile everything that the
    /// first real request needs.</summary>
    SongRequest WarmUp { get; }

    /// <summary>Returns the size of a request. Thread-safe once the models are loaded.</summary>
    /// <param name="request">A request for one of <see cref="Names"/>, or for the default one.</param>
    SongMeasure Measure(SongRequest request);

    /// <summary>Returns the expected work of a song, in a unit that the family defines. Thread-safe once the models are loaded.</summary>
    double WorkOf(SongRequest request);

    /// <summary>Creates the work for a song without starting it.</summary>
    ISongWork Create(SongOrder order);
}

/// <summary>An admitted song.</summary>
/// <param name="Request">The song to make. Its model is one of <see cref="IFamilySongs.Names"/>, or null for the default one.</param>
/// <param name="Waited">The time from the submission of the request to its admission.</param>
/// <param name="Report">Called with each progress update.</param>
internal sealed record SongOrder(SongRequest Request, TimeSpan Waited, Action<SongProgress> Report)
{
    /// <summary>Receives the song's sound while it is being made; null if there are no listeners.</summary>
    public ISongListener? Listener { get; init; }
}

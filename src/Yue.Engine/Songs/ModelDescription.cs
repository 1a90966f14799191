namespace Yue.Engine.Songs;

/// <summary>A capability that only some model families have.</summary>
public enum SongCapability
{
    /// <summary>Follows the style of a reference clip.</summary>
    ReferenceClip,

    /// <summary>Returns the vocal and the instrumental track in addition to the mix.</summary>
    Stems,

    /// <summary>Continues a song, or replaces one of its sections.</summary>
    SingAgain,

    /// <summary>Writes or reads a score.</summary>
    Score,

    /// <summary>Makes songs without words.</summary>
    Instrumental,

    /// <summary>Returns sound while the song is still being made.</summary>
    EarlySound,
}

/// <summary>The description of a model family: models of the same kind that read the same request fields.</summary>
/// <param name="Name">The family's name, such as <c>yue1</c>.</param>
/// <param name="Title">The family's name in prose, such as <c>YuE 1</c>.</param>
/// <param name="Capabilities">The capabilities of its models beyond making a song from lyrics.</param>
/// <param name="Fields">The request fields that its models read, by their JSON names (<c>sampling.top_k</c>). An object's name
/// represents all fields in it. Fields that the service itself handles, such as <c>model</c> and <c>output.format</c>, work with every
/// family and are not listed.</param>
public sealed record FamilyDescription(
    string Name, string Title, IReadOnlySet<SongCapability> Capabilities, IReadOnlySet<string> Fields)
{
    /// <summary>The default sampling settings.</summary>
    public SamplingSettings Sampling { get; init; } = new();

    /// <summary>The default lyrics of an instrumental song.</summary>
    public string InstrumentalLyrics { get; init; } = "[verse]\n\n[chorus]";

    /// <summary>The license of the published models of the family.</summary>
    public required ModelLicence Licence { get; init; }

    /// <summary>The scopes that requests can select, the default first.</summary>
    public IReadOnlyList<SongScope> Scopes { get; init; } = [SongScope.Full, SongScope.Draft, SongScope.Finish];

    /// <summary>True if songs are sung section by section, from lyrics with a tag per section.</summary>
    public bool SingsSections { get; init; } = true;

    /// <summary>Returns true if <see cref="Fields"/> contains a request field or the object that it belongs to.</summary>
    /// <param name="field">The JSON name, such as <c>sampling.top_k</c>.</param>
    public bool Supports(string field)
    {
        for (var name = field; ; name = name[..name.LastIndexOf('.')])
        {
            if (Fields.Contains(name))
            {
                return true;
            }

            if (!name.Contains('.', StringComparison.Ordinal))
            {
                return false;
            }
        }
    }
}

/// <summary>The license of a family's published models.</summary>
/// <param name="Name">The name, such as <c>Apache-2.0</c>.</param>
/// <param name="Link">The URL of the models' page, which contains the license.</param>
/// <param name="Notice">The facts that users need to know; null if the name is sufficient.</param>
public sealed record ModelLicence(string Name, Uri Link, string? Notice = null);

/// <summary>A model that requests can name.</summary>
/// <param name="Name">The name that requests use.</param>
/// <param name="Family">The family that it belongs to.</param>
public sealed record ModelDescription(string Name, FamilyDescription Family);

using Xunit;

namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>Songs that the demo model sings once for all tests of a class. The requests specify all measurable properties.</summary>
public sealed class SungSongs : IAsyncLifetime
{
    /// <summary>One song per instrument, two per mode and per register.</summary>
    private static readonly RequestedSong[] Requests =
    [
        new()
        {
            Tonic = "G", IsMinor = false, Instrument = Instrument.Organ, TempoBpm = 107, Style = "gospel", IsFemale = true, Seed = 1,
            Sections = [new("verse", "never let me go\nsing my song to you", "eeeeoiioou")],
        },
        new()
        {
            Tonic = "C", IsMinor = false, Instrument = Instrument.Piano, TempoBpm = 136, Style = "folk", IsFemale = true, Seed = 1,
            Sections = [new("verse", "run and sing with me\ncome back to the sea", "uaiieoaoei")],
        },
        new()
        {
            Tonic = "A", IsMinor = true, Instrument = Instrument.Guitar, TempoBpm = 107, Style = "folk", IsFemale = false, Seed = 2,
            Sections = [new("verse", "hold me in the rain\nnever leave me", "oeieeeeie"), new("chorus", "walk on", "ao")],
        },
        new()
        {
            Tonic = "D", IsMinor = true, Instrument = Instrument.Strings, TempoBpm = 136, Style = "rock", IsFemale = false, Seed = 4,
            Sections = [new("verse", "never let me go\nsing my song to you", "eeeeoiioou"), new("chorus", "walk on", "ao")],
        },
    ];

    private readonly DemoEngine _demo = new();
    private readonly List<HeardSong> _songs = [];

    internal IReadOnlyList<HeardSong> Songs => _songs;

    public async ValueTask InitializeAsync()
    {
        await _demo.InitializeAsync();
        foreach (var requested in Requests)
        {
            _songs.Add(await Sing(requested));
        }
    }

    public ValueTask DisposeAsync() => _demo.DisposeAsync();

    internal async Task<HeardSong> Sing(RequestedSong requested) => new(requested, await _demo.Submit(requested.Request));
}

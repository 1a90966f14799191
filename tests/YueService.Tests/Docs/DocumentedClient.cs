using YueService.Client;

namespace YueService.Tests.Docs;

/// <summary>The C# code in docs/how-to/call-from-code.md and in the client's README, which the tests compile and run.</summary>
internal static class DocumentedClient
{
    /// <summary>The expressions that differ between the documentation and this file.</summary>
    public static readonly IReadOnlyList<(string Documented, string Here)> Differences =
        [("new Uri(\"http://localhost:2008\")", "service"), ("\"song.wav\"", "path"), ("Console.WriteLine(", "print(")];

    /// <summary>Makes a song, as docs/how-to/call-from-code.md shows.</summary>
    public static async Task MakeSongAsync(Uri service, string path)
    {
        using var http = new HttpClient { BaseAddress = service, Timeout = TimeSpan.FromHours(1) };
        http.DefaultRequestHeaders.Add("Authorization", "Bearer KEY");
        var yue = new YueClient(http);
        var request = new SongRequest { Lyrics = "[verse]\nStaring at the sunset", Genre = "bright pop piano female" };
        var job = await yue.CreateSongAsync(request);
        await yue.WaitForSongAsync(job.Id);
        using var song = await yue.GetSongAudioAsync(job.Id);
        await using var file = File.Create(path);
        await song.Stream.CopyToAsync(file);
    }

    /// <summary>Makes a song and sends an invalid request, as the client's README shows.</summary>
    public static async Task MakeSongAsync(Uri service, string path, Action<string> print)
    {
        var yue = new YueClient(new HttpClient { BaseAddress = service });
        var request = new SongRequest { Lyrics = "[verse]\nStaring at the sunset", Genre = "bright pop piano female" };
        var job = await yue.CreateSongAsync(request);
        var song = await yue.WaitForSongAsync(job.Id);
        using var audio = await yue.GetSongAudioAsync(song.Id);
        await using var file = File.Create(path);
        await audio.Stream.CopyToAsync(file);
        try
        {
            await yue.CreateSongAsync(new SongRequest { Lyrics = "[verse]\nla", MaxNewTokens = 1 });
        }
        catch (YueException<Problem> e) when (e.StatusCode == 422)
        {
            print(string.Join('\n', e.Result.Errors!["max_new_tokens"]));
        }
    }
}

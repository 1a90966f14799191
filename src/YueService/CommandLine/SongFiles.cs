using Yue.Engine.Audio;
using YueService.Audio;

namespace YueService.CommandLine;

/// <summary>Where a song and its stems are written.</summary>
/// <param name="Folder">The folder of all of them.</param>
/// <param name="Mix">The song's file.</param>
/// <param name="Format">The format that the file's name asks for; null for a name that says none.</param>
/// <param name="Codes">The file of the song's codes; null for none.</param>
internal sealed record SongFiles(string Folder, string Mix, AudioFormat? Format, string? Codes)
{
    /// <summary>The files for the names that the command line gave.</summary>
    public static SongFiles At(string file, string? codes)
    {
        var mix = Path.GetFullPath(file);
        var named = SongFormats.ByName.TryGetValue(Path.GetExtension(mix).TrimStart('.').ToLowerInvariant(), out var format);
        return new(Path.GetDirectoryName(mix) ?? mix, mix, named ? format : null, codes is null ? null : Path.GetFullPath(codes));
    }

    /// <summary>The file of a stem: <c>song.vocal.wav</c> beside <c>song.wav</c>.</summary>
    public string Stem(string track) =>
        Path.Combine(Folder, $"{Path.GetFileNameWithoutExtension(Mix)}.{track}{Path.GetExtension(Mix)}");

    /// <summary>Writes every file under a temporary name and renames all of them at the end, the song last.</summary>
    public async Task WriteAsync(EncodedSong song, byte[] codes, CancellationToken cancel)
    {
        var files = new List<(string Path, byte[] Bytes)>();
        if (Codes is not null)
        {
            files.Add((Codes, codes));
        }

        if (song is { Vocal: { } vocal, Instrumental: { } instrumental })
        {
            files.Add((Stem("vocal"), vocal));
            files.Add((Stem("instrumental"), instrumental));
        }

        files.Add((Mix, song.Mix));
        var suffix = $".{Guid.NewGuid():N}.part";
        try
        {
            foreach (var (path, bytes) in files)
            {
                await File.WriteAllBytesAsync(path + suffix, bytes, cancel);
            }

            foreach (var (path, _) in files)
            {
                File.Move(path + suffix, path, overwrite: true);
            }
        }
        finally
        {
            foreach (var (path, _) in files)
            {
                File.Delete(path + suffix);
            }
        }
    }
}

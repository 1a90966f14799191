using System.Text;
using Yue.Engine.Audio;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.CommandLine;

/// <summary>A file of a song.</summary>
/// <param name="Option">The option that names it.</param>
/// <param name="Path">The full path, or <c>-</c> for standard output.</param>
/// <param name="Name">The name to keep it under if it cannot be written to its path.</param>
internal sealed record SongFile(string Option, string Path, string Name)
{
    public bool IsStandardOutput => Path == SongFiles.StandardOutput;
}

/// <summary>The texts of a song.</summary>
/// <param name="Codes">Its codes, as JSON.</param>
/// <param name="Score">Its score; null without one.</param>
internal sealed record SongTexts(string Codes, string? Score);

/// <summary>The files that a song is written to.</summary>
/// <param name="Mix">The song, or its score if only a score was written.</param>
/// <param name="Codes">The song's codes; null for none.</param>
/// <param name="Score">The song's score; null for none.</param>
/// <param name="Vocal">The vocal stem; null for none.</param>
/// <param name="Instrumental">The instrumental stem; null for none.</param>
internal sealed record SongFiles(SongFile Mix, SongFile? Codes, SongFile? Score, SongFile? Vocal, SongFile? Instrumental)
{
    /// <summary>The name that means standard output.</summary>
    public const string StandardOutput = "-";

    // The limit in most file systems.
    private const int MaxNameBytes = 255;

    private static readonly string Extensions = string.Join(", ", SongFormats.ByName.Keys.Select(name => $".{name}"));

    public bool UseStandardOutput => All.Any(file => file.IsStandardOutput);

    private IEnumerable<SongFile> All => new[] { Codes, Score, Vocal, Instrumental, Mix }.OfType<SongFile>();

    /// <summary>Returns the files of each take for the names on the command line. If there are several takes, numbers are added to the
    /// names.</summary>
    public static IReadOnlyList<SongFiles> ForTakes(
        int takes, string file, string? codes, string? score, bool hasStems, AudioFormat format)
    {
        return takes == 1
            ? [At(file, codes, score, hasStems, format)]
            : [.. Enumerable.Range(1, takes).Select(take => At(
                Numbered(file, take),
                codes is null ? null : Numbered(codes, take),
                score is null ? null : Numbered(score, take),
                hasStems,
                format))];

        static string Numbered(string file, int take) => file == StandardOutput || Path.GetFileName(file).Length == 0
            ? file
            : Path.Combine(
                Path.GetDirectoryName(file) ?? "", $"{Path.GetFileNameWithoutExtension(file)}-{take}{Path.GetExtension(file)}");
    }

    /// <summary>Returns the files for the names on the command line.</summary>
    public static SongFiles At(string file, string? codes, string? score, bool hasStems, AudioFormat format)
    {
        var mix = At("--out", file, $"song.{format.Name()}");
        return new(
            mix,
            codes is null ? null : At("--return-codes", codes, "codes.json"),
            score is null ? null : At("--score-out", score, "score.abc"),
            hasStems ? Stem("vocal") : null, hasStems ? Stem("instrumental") : null);

        SongFile Stem(string track)
        {
            var name = $"{Path.GetFileNameWithoutExtension(mix.Name)}.{track}{Path.GetExtension(mix.Name)}";
            return new("--stems", mix.IsStandardOutput ? mix.Path : Path.Combine(Path.GetDirectoryName(mix.Path) ?? mix.Path, name), name);
        }
    }

    /// <summary>Returns these files with another format's extension in the <see cref="SongFile.Name"/> of the sound files. The paths do not
    /// change.</summary>
    public SongFiles As(AudioFormat format) => this with
    {
        Mix = As(Mix, format)!,
        Vocal = As(Vocal, format),
        Instrumental = As(Instrumental, format),
    };

    /// <summary>Determines the format of a song from its file's name and the requested format.</summary>
    /// <param name="file">The file's name.</param>
    /// <param name="requested">The value of <c>--format</c>; null without one.</param>
    /// <returns>The format, or an error message.</returns>
    public static (AudioFormat Format, string? Fault) FormatOf(string file, AudioFormat? requested)
    {
        var extension = file == StandardOutput ? "" : Path.GetExtension(file);
        if (SongFormats.ByName.TryGetValue(extension.TrimStart('.').ToLowerInvariant(), out var named))
        {
            return requested is { } other && other != named
                ? (other, $"--out is {file} and --format {other.Name()}: give the file the extension "
                    + $".{other.Name()}, or leave --format out.")
                : (named, null);
        }

        return requested is null && extension.Length > 0
            ? (default, $"--out is {file}, but '{extension}' is not a supported format: "
                + $"use one of {Extensions}, or set --format.")
            : (requested ?? AudioFormat.Wav, null);
    }

    /// <summary>Returns the reason why a file cannot be written; null if all can be written. Leaves no files behind.</summary>
    public string? Check()
    {
        var files = All.ToList();
        if (Vocal is { IsStandardOutput: true })
        {
            return "--stems writes files next to the song, but --out is standard output: name a file with --out.";
        }

        return files.Select(Fault).FirstOrDefault(fault => fault is not null)
            ?? files.GroupBy(file => file.Path, StringComparer.Ordinal).Where(same => same.Count() > 1)
                .Select(
                    same =>
                        $"{string.Join(" and ", same.Select(file => file.Option))} write the same file, {same.Key}: "
                            + "use a separate file for each.")
                .FirstOrDefault();
    }

    /// <summary>Writes each file under a temporary name, and renames all of them at the end, the song last. Then writes to
    /// standard output, if requested.</summary>
    /// <param name="song">The song.</param>
    /// <param name="texts">The codes and the score.</param>
    /// <param name="standardOutput">Standard output.</param>
    /// <param name="cancel">Cancels; incomplete files are removed.</param>
    public async Task WriteAsync(EncodedSong song, SongTexts texts, Stream standardOutput, CancellationToken cancel)
    {
        var contents = Contents(song, texts).ToList();
        var files = contents.Where(content => !content.File.IsStandardOutput)
            .Select(content => (content.File.Path, content.Bytes)).ToList();
        var suffix = $".{Guid.NewGuid():N}.part";
        try
        {
            foreach (var (path, bytes) in files)
            {
                await File.WriteAllBytesAsync(Partial(path), bytes, cancel);
            }

            foreach (var (path, _) in files)
            {
                File.Move(Partial(path), path, overwrite: true);
            }
        }
        finally
        {
            foreach (var (path, _) in files.Where(file => File.Exists(Partial(file.Path))))
            {
                File.Delete(Partial(path));
            }
        }

        foreach (var (_, bytes) in contents.Where(content => content.File.IsStandardOutput))
        {
            await standardOutput.WriteAsync(bytes, cancel);
            await standardOutput.FlushAsync(cancel);
        }

        // A new name, because the file's own name may already have the maximum length.
        string Partial(string path) =>
            Path.Combine(Path.GetDirectoryName(path)!, $".{(uint)path.GetHashCode(StringComparison.Ordinal)}{suffix}");
    }

    /// <summary>Writes a song into a new folder elsewhere, after writing it to its own files has failed.</summary>
    /// <returns>The song's path; null if it could not be written anywhere.</returns>
    public async Task<string?> KeepElsewhereAsync(EncodedSong song, SongTexts texts)
    {
        foreach (var place in new[] { Path.GetTempPath(), Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) })
        {
            try
            {
                var folder = Directory.CreateDirectory(Path.Combine(place, $"yue-song-{Guid.NewGuid():N}")).FullName;
                foreach (var (file, bytes) in Contents(song, texts))
                {
                    await File.WriteAllBytesAsync(Path.Combine(folder, file.Name), bytes, CancellationToken.None);
                }

                return Path.Combine(folder, Mix.Name);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Try the next location.
            }
        }

        return null;
    }

    private IEnumerable<(SongFile File, byte[] Bytes)> Contents(EncodedSong song, SongTexts texts)
    {
        var score = texts.Score is { } text ? Encoding.UTF8.GetBytes(text) : null;
        (SongFile? File, byte[]? Bytes)[] all =
        [
            (Codes, Encoding.UTF8.GetBytes(texts.Codes)),
            (Score, score),
            (Vocal, song.Vocal),
            (Instrumental, song.Instrumental),
            (Mix, song.Mix.Length > 0 ? song.Mix : score),
        ];
        foreach (var (file, bytes) in all)
        {
            if (file is not null && bytes is not null)
            {
                yield return (file, bytes);
            }
        }
    }

    private static SongFile? As(SongFile? file, AudioFormat format) =>
        file is null ? null : file with { Name = Path.ChangeExtension(file.Name, format.Name()) };

    private static SongFile At(string option, string file, string standardName)
    {
        var path = file == StandardOutput ? file : Path.GetFullPath(file);
        return new(option, path, path == StandardOutput || Path.GetFileName(path).Length == 0 ? standardName : Path.GetFileName(path));
    }

    private static string? Fault(SongFile file)
    {
        if (file.IsStandardOutput)
        {
            return null;
        }

        var folder = Path.GetDirectoryName(file.Path);
        if (folder is null || Directory.Exists(file.Path) || Path.EndsInDirectorySeparator(file.Path))
        {
            return $"{file.Option} is {file.Path}, which is a folder: name a file in it, such as {Path.Combine(file.Path, file.Name)}.";
        }

        if (!Directory.Exists(folder))
        {
            return $"{file.Option} is {file.Path}, but there is no folder {folder}: create it, or name another.";
        }

        if (folder == "/dev")
        {
            return $"{file.Option} is {file.Path}, a device: write - for standard output, or name a file.";
        }

        var nameBytes = Encoding.UTF8.GetByteCount(file.Name);
        return nameBytes > MaxNameBytes
            ? $"{file.Option} has a file name of {nameBytes} bytes; at most {MaxNameBytes} are allowed."
            : WriteFault(file.Option, folder);
    }

    private static string? WriteFault(string option, string folder)
    {
        try
        {
            File.Create(Path.Combine(folder, $".{Guid.NewGuid():N}.part"), bufferSize: 1, FileOptions.DeleteOnClose).Dispose();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{option} cannot be written in {folder}: {StorageFaults.Cause(e)}. Name a file in another folder.";
        }
    }
}

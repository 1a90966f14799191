namespace Yue.Engine.Audio.Readers;

/// <summary>The kinds of sound files, by reader.</summary>
internal enum SoundKind
{
    Wav,
    Aiff,
    Mp3,
    Ogg,
    Flac,
    Mp4,
}

/// <summary>Distinguishes kinds of files by their first bytes, not by their names.</summary>
internal static class SoundKinds
{
    private const int Id3HeaderSize = 10;

    /// <summary>Returns the kind of a file. Mp3 files have no signature, so a file without a known signature counts as mp3.</summary>
    /// <param name="file">The whole file.</param>
    /// <returns>The kind, and the position at which the content starts. It starts after an ID3 tag if there is one; some programs put such
    /// a tag at the start of files of any kind.</returns>
    /// <exception cref="ClipFaultException">The file is of a kind that usually contains video; the message names the kind.</exception>
    public static (SoundKind Kind, int Start) Of(ReadOnlySpan<byte> file)
    {
        var start = Math.Min(Id3Size(file), file.Length);
        var content = file[start..];
        if (VideoName(content) is { } name)
        {
            throw new ClipFaultException($"contains {name}, which is not supported; send only its audio track as {ClipFaults.Kinds}");
        }

        return (content switch
        {
            _ when WavHeader.HasSignature(content) => SoundKind.Wav,
            _ when AiffHeader.HasSignature(content) => SoundKind.Aiff,
            _ when OggFile.HasSignature(content) => SoundKind.Ogg,
            _ when FlacBlocks.HasSignature(content) => SoundKind.Flac,
            _ when Mp4Boxes.HasSignature(content) => SoundKind.Mp4,
            _ => SoundKind.Mp3,
        }, start);
    }

    /// <summary>Returns the size of the ID3v2 tag at the start of a file, including its pictures; 0 if there is none.</summary>
    private static int Id3Size(ReadOnlySpan<byte> file) => file.Length >= Id3HeaderSize && file.StartsWith("ID3"u8)
        ? Id3HeaderSize + ((file[6] & 0x7F) << 21) + ((file[7] & 0x7F) << 14) + ((file[8] & 0x7F) << 7) + (file[9] & 0x7F)
        : 0;

    private static string? VideoName(ReadOnlySpan<byte> file) => file switch
    {
        [0x1A, 0x45, 0xDF, 0xA3, ..] => "Matroska or WebM video",
        [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, ..] => "Windows Media video",
        [0, 0, 1, 0xBA or 0xB3, ..] => "MPEG video",
        [0x46, 0x4C, 0x56, 1, ..] => "Flash video",
        [0x47, ..] when file.Length > 376 && file[188] == 0x47 && file[376] == 0x47 => "MPEG video",
        _ when file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..12].SequenceEqual("AVI "u8) => "AVI video",
        _ => null,
    };
}

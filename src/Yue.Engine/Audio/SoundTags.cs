using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Yue.Engine.Audio;

/// <summary>The metadata of a song in its file.</summary>
/// <param name="Title">The song's title.</param>
/// <param name="Seed">The seed that the song was made with.</param>
/// <param name="Lyrics">The lyrics; empty for none. They are never truncated.</param>
public sealed record SoundTags(string Title, long Seed, string Lyrics)
{
    private const string Origin = "AI-generated (YuE)";
    private const string Program = "YueService";

    /// <summary>The origin and the seed, as one line of text.</summary>
    public string Comment => string.Create(CultureInfo.InvariantCulture, $"{Origin}, seed {Seed}");

    /// <summary>Returns the tags as the LIST chunk of a WAV file, in UTF-8. The lyrics are <c>ILYR</c>, because the standard has no id for
    /// lyrics.</summary>
    internal byte[] ToRiffInfo()
    {
        using var list = new MemoryStream();
        list.Write("INFO"u8);
        foreach (var (id, text) in new[] { ("INAM", Title), ("ICMT", Comment), ("ISFT", Program), ("ILYR", Lyrics) })
        {
            // The text ends with NUL, and a chunk ends at an even position.
            byte[] value = [.. Utf8(text), 0];
            if (value.Length > 1)
            {
                list.Write([.. Encoding.ASCII.GetBytes(id), .. LittleEndian(value.Length), .. value, .. new byte[value.Length % 2]]);
            }
        }

        return [.. "LIST"u8, .. LittleEndian((int)list.Length), .. list.ToArray()];
    }

    /// <summary>Returns the tags as an ID3v2.4 tag, which precedes the first frame of an MP3 file.</summary>
    internal byte[] ToId3()
    {
        const byte IsUtf8 = 3;
        byte[] unnamed = [IsUtf8, .. "und"u8, 0];
        using var frames = new MemoryStream();
        Frame("TIT2", [IsUtf8, .. Utf8(Title)]);
        Frame("COMM", [.. unnamed, .. Utf8(Comment)]);
        Frame("TXXX", [IsUtf8, .. "seed"u8, 0, .. Utf8(Seed.ToString(CultureInfo.InvariantCulture))]);
        if (Lyrics.Length > 0)
        {
            Frame("USLT", [.. unnamed, .. Utf8(Lyrics)]);
        }

        return [.. "ID3"u8, 4, 0, 0, .. Synchsafe((int)frames.Length), .. frames.ToArray()];

        void Frame(string id, byte[] content) =>
            frames.Write([.. Encoding.ASCII.GetBytes(id), .. Synchsafe(content.Length), 0, 0, .. content]);
    }

    /// <summary>Returns a FLAC file with the tags as its Vorbis comment, replacing the encoder's; the unchanged file if its metadata is not
    /// valid.</summary>
    /// <param name="flac">The file, or at least all of its metadata.</param>
    internal byte[] InFlac(byte[] flac)
    {
        const int StreamInfo = 0;
        const int VorbisComment = 4;
        const byte IsLast = 0x80;
        const int HeaderBytes = 4;
        var blocks = new List<(int Type, ReadOnlyMemory<byte> Content)>();
        var at = HeaderBytes;                    // after "fLaC"
        for (var isLast = !flac.AsSpan().StartsWith("fLaC"u8); !isLast;)
        {
            if (at + HeaderBytes > flac.Length)
            {
                return flac;
            }

            var length = BinaryPrimitives.ReadInt32BigEndian(flac.AsSpan(at)) & 0xFFFFFF;
            if (at + HeaderBytes + length > flac.Length)
            {
                return flac;
            }

            isLast = (flac[at] & IsLast) != 0;
            blocks.Add((flac[at] & 0x7F, flac.AsMemory(at + HeaderBytes, length)));
            at += HeaderBytes + length;
        }

        if (blocks is not [(StreamInfo, _), ..])
        {
            return flac;
        }

        blocks.RemoveAll(block => block.Type == VorbisComment);
        blocks.Insert(1, (VorbisComment, ToVorbisComment()));
        using var file = new MemoryStream();
        file.Write("fLaC"u8);
        foreach (var (i, (type, content)) in blocks.Index())
        {
            var header = new byte[HeaderBytes];
            BinaryPrimitives.WriteInt32BigEndian(header, content.Length);
            header[0] = (byte)(type | (i == blocks.Count - 1 ? IsLast : 0));
            file.Write([.. header]);
            file.Write(content.Span);
        }

        file.Write(flac.AsSpan(at));
        return file.ToArray();
    }

    /// <summary>Returns the tags as an ffmpeg metadata file, for formats in which ffmpeg itself writes the tags.</summary>
    internal string ToFfmetadata()
    {
        // The escaped characters have a special meaning in the file. A backslash makes the next character literal.
        return ";FFMETADATA1\n" + string.Concat(Comments().Select(comment => $"{comment.Name}={Escape(comment.Text)}\n"));

        static string Escape(string text) =>
            string.Concat(text.Replace('\0', ' ').Select(character => "=;#\\\n\r".Contains(character) ? $"\\{character}" : $"{character}"));
    }

    private IEnumerable<(string Name, string Text)> Comments()
    {
        yield return ("TITLE", Title);
        yield return ("COMMENT", Comment);
        yield return ("SEED", Seed.ToString(CultureInfo.InvariantCulture));
        if (Lyrics.Length > 0)
        {
            yield return ("LYRICS", Lyrics);
        }
    }

    private byte[] ToVorbisComment()
    {
        var comments = Comments().Select(comment => $"{comment.Name}={comment.Text}").ToList();
        return
        [
            .. Counted(Program),
            .. LittleEndian(comments.Count),
            .. comments.SelectMany(Counted),
        ];

        static byte[] Counted(string text) => [.. LittleEndian(Utf8(text).Length), .. Utf8(text)];
    }

    /// <summary>Returns text in UTF-8. NUL characters become spaces, because most readers would stop at them.</summary>
    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text.Replace('\0', ' '));

    private static byte[] LittleEndian(int value)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }

    /// <summary>Returns a length as ID3 writes it: seven bits per byte.</summary>
    private static byte[] Synchsafe(int value) =>
        [(byte)((value >> 21) & 0x7F), (byte)((value >> 14) & 0x7F), (byte)((value >> 7) & 0x7F), (byte)(value & 0x7F)];
}

using System.Buffers.Binary;

namespace Yue.Engine.Audio;

/// <summary>Replaces the tags of a stored file while it is being read. The file itself is not changed. A WAV or MP3 file without tags
/// gets none.</summary>
public static class TaggedFile
{
    private const int Id3HeaderBytes = 10;
    private const int FlacHeaderBytes = 4;
    private const int MaxFlacMetadataBytes = 1 << 20;

    /// <summary>Returns a file that <see cref="AudioEncoder"/> wrote, with its tags replaced.</summary>
    /// <remarks>The beginning of the file is read sequentially, because seeking is slow in object storage.</remarks>
    /// <param name="file">The seekable file, positioned at its beginning. The returned stream disposes it.</param>
    /// <param name="format">Its format.</param>
    /// <param name="tags">The tags.</param>
    /// <param name="cancel">Stops reading.</param>
    /// <returns>A seekable stream; the unchanged file if it does not have the expected structure.</returns>
    public static async Task<Stream> WithAsync(Stream file, AudioFormat format, SoundTags tags, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(tags);
        var tagged = format switch
        {
            AudioFormat.Wav => await WavAsync(file, tags, cancel),
            AudioFormat.Flac => await FlacAsync(file, tags, cancel),
            AudioFormat.Mp3 => await Mp3Async(file, tags, cancel),
            _ => null,
        };
        if (tagged is null)
        {
            file.Position = 0;
        }

        return tagged ?? file;
    }

    /// <summary>Returns the header and the samples, then the tags.</summary>
    private static async Task<JoinedStream?> WavAsync(Stream file, SoundTags tags, CancellationToken cancel)
    {
        var header = await ReadAsync(file, WavFile.HeaderBytes, cancel);
        if (header is null
            || !header.AsSpan(0, 4).SequenceEqual("RIFF"u8)
            || !header.AsSpan(WavFile.HeaderBytes - 8, 4).SequenceEqual("data"u8))
        {
            return null;
        }

        // Nothing but tags can follow the samples.
        var samples = WavFile.SampleBytes(header);
        if (WavFile.HeaderBytes + samples >= file.Length)
        {
            return null;
        }

        var info = tags.ToRiffInfo();
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), (uint)(WavFile.HeaderBytes - 8 + samples + info.Length));
        return new(header, file, WavFile.HeaderBytes, samples, info);
    }

    /// <summary>Returns the metadata blocks with the tags, then the frames.</summary>
    private static async Task<JoinedStream?> FlacAsync(Stream file, SoundTags tags, CancellationToken cancel)
    {
        using var metadata = new MemoryStream();
        if (await ReadAsync(file, FlacHeaderBytes, cancel) is not { } name || !name.AsSpan().SequenceEqual("fLaC"u8))
        {
            return null;
        }

        metadata.Write(name);
        for (var isLast = false; !isLast;)
        {
            if (await ReadAsync(file, FlacHeaderBytes, cancel) is not { } header)
            {
                return null;
            }

            isLast = (header[0] & 0x80) != 0;
            var length = BinaryPrimitives.ReadInt32BigEndian(header) & 0xFFFFFF;
            if (metadata.Length + length > MaxFlacMetadataBytes || await ReadAsync(file, length, cancel) is not { } content)
            {
                return null;
            }

            metadata.Write(header);
            metadata.Write(content);
        }

        return new(tags.InFlac(metadata.ToArray()), file, metadata.Length, file.Length - metadata.Length, []);
    }

    /// <summary>Returns the tags, then the frames.</summary>
    private static async Task<JoinedStream?> Mp3Async(Stream file, SoundTags tags, CancellationToken cancel)
    {
        if (await ReadAsync(file, Id3HeaderBytes, cancel) is not { } header || !header.AsSpan().StartsWith("ID3"u8))
        {
            return null;
        }

        // The length has seven bits per byte.
        var start = Id3HeaderBytes + ((header[6] << 21) | (header[7] << 14) | (header[8] << 7) | header[9]);
        return start > file.Length ? null : new(tags.ToId3(), file, start, file.Length - start, []);
    }

    /// <summary>Returns the next bytes of a file; null if there are fewer.</summary>
    private static async Task<byte[]?> ReadAsync(Stream file, int count, CancellationToken cancel)
    {
        var bytes = new byte[count];
        return await file.ReadAtLeastAsync(bytes, count, throwOnEndOfStream: false, cancel) == count ? bytes : null;
    }
}

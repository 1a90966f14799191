namespace Yue.Engine.Audio.Readers;

/// <summary>The kinds of streams in an Ogg file that this program distinguishes.</summary>
internal enum OggCodec
{
    Unknown,
    Vorbis,
    Opus,
    Flac,
}

/// <summary>A packet of an Ogg stream.</summary>
/// <param name="Data">Its bytes.</param>
/// <param name="Granule">The position at the end of the packet's page, if this is the last packet that ends on the page; otherwise
/// null.</param>
/// <param name="IsLast">True if it is the last packet of the stream.</param>
internal sealed record OggPacket(ReadOnlyMemory<byte> Data, long? Granule, bool IsLast);

/// <summary>The first sound stream of an Ogg file.</summary>
/// <remarks>This reader is used for both Vorbis and Opus: NVorbis's own reader supports only Vorbis, and Concentus has none. All pages are
/// checked when the file is opened, so that a decoder never gets damaged pages.</remarks>
internal sealed class OggFile
{
    private readonly byte[] _file;
    private readonly uint _serial;

    private OggFile(byte[] file, uint serial, OggCodec codec) => (_file, _serial, Codec) = (file, serial, codec);

    public OggCodec Codec { get; }

    /// <summary>The end of the stream according to its pages; 0 if no page states a position.</summary>
    public long LastGranule { get; private set; }

    /// <summary>True if the file ends within a page or before the stream's last page.</summary>
    public bool IsCut { get; private set; } = true;

    /// <summary>Returns true if a file has the signature of Ogg.</summary>
    public static bool HasSignature(ReadOnlySpan<byte> file) => file.StartsWith("OggS"u8);

    /// <summary>Checks all pages of a file and opens its first sound stream.</summary>
    /// <exception cref="ClipFaultException">A page is damaged or missing, or the file contains no supported sound, several sounds one after
    /// the other, or video.</exception>
    public static OggFile Open(byte[] file, CancellationToken cancel)
    {
        OggFile? found = null;
        var (sequence, firstPages) = (0u, true);
        for (var position = 0; OggPage.TryRead(file, position, out var page); position = page.End)
        {
            cancel.ThrowIfCancellationRequested();
            firstPages &= page.IsFirst;
            if (page.IsFirst)
            {
                found = Join(found, file, page, firstPages);
            }

            if (found is null || page.Serial != found._serial)
            {
                continue;
            }

            if (page.Sequence != sequence && !page.IsFirst)
            {
                throw new ClipFaultException($"is damaged: page {sequence} of its sound is missing");
            }

            sequence = page.Sequence + 1;
            found.LastGranule = Math.Max(found.LastGranule, page.Granule);
            found.IsCut &= !page.IsLast;
        }

        return found ?? throw new ClipFaultException(ClipFaults.Unreadable);
    }

    /// <summary>Returns the packets of the stream in order.</summary>
    public IEnumerable<OggPacket> Packets()
    {
        var begun = new MemoryStream();
        for (var position = 0; OggPage.TryRead(_file, position, out var page, isChecked: true); position = page.End)
        {
            if (page.Serial != _serial)
            {
                continue;
            }

            var lastEnd = page.LastPacketEnd(_file);
            var start = page.Body;
            for (var i = 0; i < page.Segments; i++)
            {
                var size = _file[page.Table + i];
                begun.Write(_file, start, size);
                start += size;
                if (size < 255)
                {
                    var isLastOnPage = i == lastEnd;
                    yield return new OggPacket(
                        begun.ToArray(), isLastOnPage && page.Granule >= 0 ? page.Granule : null, isLastOnPage && page.IsLast);
                    begun.SetLength(0);
                }
            }
        }
    }

    /// <summary>Checks a stream's first page, and returns the stream to decode: the first sound stream so far, or null if there is
    /// none.</summary>
    private static OggFile? Join(OggFile? found, byte[] file, OggPage page, bool firstPages)
    {
        var packet = file.AsSpan(page.Body, page.End - page.Body);
        if (VideoName(packet) is { } video)
        {
            throw new ClipFaultException(ClipFaults.ContainsVideo(video));
        }

        var codec = packet.StartsWith("\u0001vorbis"u8) ? OggCodec.Vorbis
            : packet.StartsWith("OpusHead"u8) ? OggCodec.Opus
            : packet.StartsWith("\u007FFLAC"u8) ? OggCodec.Flac : OggCodec.Unknown;
        if (!firstPages && codec != OggCodec.Unknown)
        {
            throw new ClipFaultException("contains several sounds one after the other; send one of them");
        }

        if (codec == OggCodec.Unknown && packet.StartsWith("Speex   "u8))
        {
            throw new ClipFaultException($"is encoded as Speex, which is not supported; send {ClipFaults.Kinds}");
        }

        return found ?? (codec == OggCodec.Unknown ? null : new OggFile(file, page.Serial, codec));
    }

    private static string? VideoName(ReadOnlySpan<byte> packet) => packet switch
    {
        [0x80, ..] when packet.Length > 7 && packet[1..7].SequenceEqual("theora"u8) => "Theora",
        _ when packet.StartsWith("OVP80"u8) => "VP8",
        _ when packet.StartsWith("BBCD"u8) => "Dirac",
        _ => null,
    };
}

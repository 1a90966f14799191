using System.Buffers.Binary;
using System.Text;

namespace Yue.Engine.Audio.Readers;

/// <summary>Checks an mp4 or m4a file before ffmpeg reads it.</summary>
internal static class Mp4Boxes
{
    private const int MaxBoxes = 100_000;
    private const int MaxDepth = 10;

    private static readonly string[] Containers = ["moov", "trak", "mdia", "minf", "stbl", "udta", "meta", "ilst"];

    /// <summary>Returns true if a file has the signature of mp4 or QuickTime.</summary>
    public static bool HasSignature(ReadOnlySpan<byte> file) =>
        file.Length >= 12 && Encoding.Latin1.GetString(file[4..8]) is "ftyp" or "moov" or "mdat" or "wide" or "free";

    /// <summary>Checks a file.</summary>
    /// <returns>The positions of the names of its picture boxes. Overwriting them with "free" hides the pictures from ffmpeg.</returns>
    /// <exception cref="ClipFaultException">The file is truncated or contains video.</exception>
    public static IReadOnlyList<int> Check(ReadOnlySpan<byte> file)
    {
        var walk = new Walk();
        walk.Visit(file, 0, file.Length, isTop: true);
        if (walk.Video is { } video)
        {
            throw new ClipFaultException(ClipFaults.ContainsVideo(video));
        }

        return walk.HasMovie
            ? walk.Pictures
            : throw new ClipFaultException("is cut short: it has no moov box, which describes its sound");
    }

    private static string VideoName(string codec) => codec switch
    {
        "avc1" or "avc3" => "H.264",
        "hvc1" or "hev1" => "H.265",
        "av01" => "AV1",
        "vp08" => "VP8",
        "vp09" => "VP9",
        "mp4v" => "MPEG-4",
        "jpeg" or "mjpa" or "mjpb" => "JPEG",
        _ => codec,
    };

    /// <summary>A pass through the boxes.</summary>
    private sealed class Walk
    {
        private bool _isVideo;
        private int _boxes;
        private int _depth;

        public bool HasMovie { get; private set; }

        public string? Video { get; private set; }

        public List<int> Pictures { get; } = [];

        public void Visit(ReadOnlySpan<byte> file, int start, int end, bool isTop = false)
        {
            for (long position = start; position + 8 <= end && ++_boxes <= MaxBoxes;)
            {
                var box = file[(int)position..];
                var name = Encoding.Latin1.GetString(box.Slice(4, 4));
                long size = BinaryPrimitives.ReadUInt32BigEndian(box);
                var header = size == 1 ? 16 : 8;
                size = size == 0 ? end - position : size == 1 && box.Length >= 16 ? BinaryPrimitives.ReadInt64BigEndian(box[8..]) : size;
                if (size < header || size > end - position)
                {
                    if (isTop)
                    {
                        throw new ClipFaultException(size < header
                            ? $"is damaged: its box '{name}' states a size of {size} bytes"
                            : $"is cut short: its box '{name}' has only {end - position} of {size} bytes");
                    }

                    return;
                }

                Enter(file, name, (int)position, header, (int)(position + size));
                position += size;
            }
        }

        private void Enter(ReadOnlySpan<byte> file, string name, int position, int header, int end)
        {
            var content = file[(position + header)..end];
            HasMovie |= name == "moov";
            _isVideo &= name != "trak";
            if (name == "covr")
            {
                Pictures.Add(position + 4);
            }
            else if (name == "hdlr" && content.Length >= 12)
            {
                _isVideo |= content[8..12].SequenceEqual("vide"u8);
            }
            else if (name == "stsd" && content.Length >= 16 && _isVideo)
            {
                Video ??= VideoName(Encoding.Latin1.GetString(content[12..16]));
            }
            else if (Containers.Contains(name) && _depth < MaxDepth)
            {
                // In mp4 files, meta has a version field before its boxes.
                var skip = name == "meta" && content.Length >= 8 && content[..4].SequenceEqual("\0\0\0\0"u8) ? 4 : 0;
                _depth++;
                Visit(file, position + header + skip, end);
                _depth--;
            }
        }
    }
}

using NAudio.Wave;

namespace Yue.Engine.Audio.Readers;

/// <summary>The positions of the frames of an mp3 file.</summary>
internal sealed class Mp3Frames
{
    private readonly List<int> _offsets = [];

    private Mp3Frames(Mp3Frame first, Mp3Info info)
    {
        (Info, SampleRateHz, SamplesPerFrame) = (info, first.SampleRate, first.SampleCount);
        Channels = first.ChannelMode == ChannelMode.Mono ? 1 : 2;
    }

    /// <summary>The encoder's data from a first frame without sound; empty if the file has no such frame.</summary>
    public Mp3Info Info { get; }

    public int SampleRateHz { get; }

    public int SamplesPerFrame { get; }

    public int Channels { get; }

    /// <summary>The positions in the file at which frames with sound begin.</summary>
    public IReadOnlyList<int> Offsets => _offsets;

    public int Count => _offsets.Count;

    /// <summary>True if the file ends within a frame.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Finds the frames of a file. Tags before and after the frames, including their pictures, are skipped, and so is a partial
    /// frame at the beginning of a recorded stream.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="maxSeconds">The search ends soon after this many seconds of sound.</param>
    /// <param name="cancel">Checked per frame.</param>
    /// <exception cref="ClipFaultException">There are no Layer III frames, or the number of channels changes.</exception>
    public static Mp3Frames Find(Stream file, int maxSeconds, CancellationToken cancel)
    {
        const int MaxStrayBytes = 1 << 16;
        var start = Id3v2Tag.TrySkipTag(file) ? file.Position : 0;
        var first = Mp3Frame.LoadFromStream(file);
        if (first is null or not { MpegLayer: MpegLayer.Layer3 } || first.FileOffset - start > MaxStrayBytes)
        {
            throw new ClipFaultException(ClipFaults.Unreadable);
        }

        var info = Mp3Info.Read(first);
        var frames = new Mp3Frames(first, info);
        if (!info.IsPresent)
        {
            frames._offsets.Add((int)first.FileOffset);
        }

        while (!frames.IsCut && (long)frames.Count * frames.SamplesPerFrame <= (long)(maxSeconds + 1) * frames.SampleRateHz)
        {
            cancel.ThrowIfCancellationRequested();
            var expected = file.Position;
            if (Mp3Frame.LoadFromStream(file, readData: false) is not { } frame)
            {
                break;
            }

            frames.Add(frame, first, expected, file.Length);
        }

        // Any bytes may look like one frame by chance, so a single frame is not enough.
        return frames.Count > 1 || info.IsPresent ? frames : throw new ClipFaultException(ClipFaults.Unreadable);
    }

    private void Add(Mp3Frame frame, Mp3Frame first, long expected, long fileLength)
    {
        if (frame.SampleRate != first.SampleRate || frame.MpegVersion != first.MpegVersion || frame.MpegLayer != first.MpegLayer)
        {
            // These bytes only look like a frame; for example, they may belong to a tag at the end.
            return;
        }

        if (frame.FileOffset + frame.FrameLength > fileLength)
        {
            IsCut = frame.FileOffset == expected;
            return;
        }

        if ((frame.ChannelMode == ChannelMode.Mono ? 1 : 2) != Channels)
        {
            throw new ClipFaultException("changes between mono and stereo; send a file that does not");
        }

        _offsets.Add((int)frame.FileOffset);
    }
}

using System.Diagnostics;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;

namespace Yue.Engine.Families.Yue1;

/// <summary>A step of a stage-1 decoder, which samples the next ids of all songs that request it.</summary>
internal sealed record Stage1Step(IStage1Decoder Decoder, StepTimes Times) : ISharedStep
{
    public void Advance(IReadOnlyList<ISongWork> songs)
    {
        IStage1Sequence[] sequences = [.. songs.Cast<SongWork>().Select(song => song.Stage1Sequence)];
        int[] before = [.. sequences.Select(sequence => sequence.Sampled.Count)];
        var start = Stopwatch.GetTimestamp();
        Decoder.Advance(sequences);
        var tokens = sequences.Zip(before, (sequence, count) => sequence.Sampled.Count - count).Max();
        Times.CountStage1(sequences.Length, tokens, Stopwatch.GetElapsedTime(start));
    }
}

/// <summary>A step of the stage-2 decoder, which writes the next frames of all chunks.</summary>
internal sealed record Stage2Step(IStage2Decoder Decoder, StepTimes Times) : ISharedStep
{
    public void Advance(IReadOnlyList<ISongWork> songs)
    {
        var (rows, start) = (Decoder.ActiveRows, Stopwatch.GetTimestamp());
        var frames = Decoder.Advance();
        Times.CountStage2(rows, frames, Stopwatch.GetElapsedTime(start));
    }
}

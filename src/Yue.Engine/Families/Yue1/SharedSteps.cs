using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;

namespace Yue.Engine.Families.Yue1;

/// <summary>One step of a stage-1 decoder: the next ids of all songs that sing with it.</summary>
internal sealed record Stage1Step(IStage1Decoder Decoder) : ISharedStep
{
    public void Advance(IReadOnlyList<ISongWork> songs) => Decoder.Advance([.. songs.Cast<SongWork>().Select(song => song.Stage1Sequence)]);
}

/// <summary>One step of the stage-2 decoder: the next frames of all chunks.</summary>
internal sealed record Stage2Step(IStage2Decoder Decoder) : ISharedStep
{
    public void Advance(IReadOnlyList<ISongWork> songs) => Decoder.Advance();
}

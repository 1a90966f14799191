using Yue.Engine.Families.Yue2.Stages;

namespace Yue.Engine.Families.Yue2;

/// <summary>A step of a stage decoder, which writes the next ids of all songs that request it.</summary>
internal sealed record StageStep(IStageDecoder Decoder) : ISharedStep
{
    public void Advance(IReadOnlyList<ISongWork> songs) =>
        Decoder.Advance([.. songs.Cast<SongWork>().Select(song => song.Sequence)]);
}

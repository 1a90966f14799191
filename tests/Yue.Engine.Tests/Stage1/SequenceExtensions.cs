using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Sampling;

namespace Yue.Engine.Tests.Stage1;

internal static class SequenceExtensions
{
    /// <summary>Begins a section and reads its whole prompt.</summary>
    /// <returns>The number of pieces in which the prompt was read.</returns>
    public static int BeginAndRead(this IStage1Sequence sequence, ReadOnlySpan<int> prompt, int section, SectionSampling sampling)
    {
        sequence.BeginSection(prompt, section, sampling);
        var pieces = 0;
        for (; sequence.Unread > 0; pieces++)
        {
            sequence.Read();
        }

        return pieces;
    }
}

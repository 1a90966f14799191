using Yue.Engine.Sampling;
using Yue.Engine.Stage1;

namespace Yue.Engine.Tests.Stage1;

/// <summary>A decoder's place that samples what the test says, and remembers what it was given.</summary>
internal sealed class FakeStage1Sequence : IStage1Sequence
{
    private readonly List<int> _sampled = [];

    public List<int[]> Prompts { get; } = [];

    public List<int> Sections { get; } = [];

    public List<SectionSampling> Settings { get; } = [];

    public int Cleared { get; private set; }

    public int Length { get; private set; }

    public IReadOnlyList<int> Sampled => _sampled;

    public void BeginSection(ReadOnlySpan<int> prompt, int section, SectionSampling sampling)
    {
        Sections.Add(section);
        Prompts.Add(prompt.ToArray());
        Settings.Add(sampling);
        Length += prompt.Length;
        _sampled.Clear();
    }

    public void Sample(params int[] ids)
    {
        _sampled.AddRange(ids);
        Length += ids.Length;
    }

    public void Clear()
    {
        Cleared++;
        Length = 0;
    }

    public void Dispose() => Cleared = -1;
}

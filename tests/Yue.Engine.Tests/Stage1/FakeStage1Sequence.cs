using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Sampling;

namespace Yue.Engine.Tests.Stage1;

/// <summary>A fake sequence that samples the ids given by the test and records the calls to it.</summary>
internal sealed class FakeStage1Sequence : IStage1Sequence
{
    private readonly List<int> _sampled = [];

    public List<int[]> Prompts { get; } = [];

    public List<int> Sections { get; } = [];

    public List<SectionSampling> Settings { get; } = [];

    /// <summary>The ids kept by each truncation.</summary>
    public List<int[]> Truncations { get; } = [];

    /// <summary>The sizes of the prompt pieces that were read.</summary>
    public List<int> Pieces { get; } = [];

    public bool IsDisposed { get; private set; }

    public int Unread { get; private set; }

    public IReadOnlyList<int> Sampled => _sampled;

    public void BeginSection(ReadOnlySpan<int> prompt, int section, SectionSampling sampling)
    {
        Sections.Add(section);
        Prompts.Add(prompt.ToArray());
        Settings.Add(sampling);
        Unread = prompt.Length - 1;
        _sampled.Clear();
    }

    public void Read()
    {
        if (Unread > 0)
        {
            Pieces.Add(Math.Min(512, Unread));
            Unread -= Pieces[^1];
        }
    }

    public void Sample(params int[] ids) => _sampled.AddRange(ids);

    public void Truncate(ReadOnlySpan<int> kept)
    {
        Truncations.Add(kept.ToArray());
        Unread = 0;
    }

    public void Dispose() => IsDisposed = true;
}

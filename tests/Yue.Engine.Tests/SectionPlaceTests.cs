using System.Collections.Concurrent;
using Xunit;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

/// <summary>Tests the section starts in a song's progress reports.</summary>
public sealed class SectionPlaceTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    private static readonly SongRequest Request = new()
    {
        Lyrics = "[verse]\nla la\n[chorus]\nhey\n[outro]\nbye",
        RunNSegments = 0,
        MaxNewTokens = 200,
        Scope = SongScope.Draft,
        Output = new() { SampleRate = OutputSettings.CodecSampleRateHz },
    };

    [Fact]
    public async Task A_section_has_a_start_as_soon_as_its_first_frame_is_written()
    {
        var reports = new Reports();
        var song = await demo.Submit(Request, reports);

        Assert.Equal(PlacesOf(song), reports.Last());
        for (var sections = 1; sections <= 3; sections++)
        {
            var first = reports.First(report => report.Starts.Count == sections);
            Assert.Equal((SongStage.Stage1, sections), (first.Stage, first.Section));
            var before = 100 * song.Sections.Take(sections - 1).Sum(section => section.DurationSeconds);
            Assert.InRange(first.Done, before + 1, 200 * sections);
        }

        Assert.DoesNotContain(reports, report => report.Stage == SongStage.Stage1 && report.Done == 0 && report.Starts.Count > 0);
    }

    [Fact]
    public async Task Kept_sections_have_starts_immediately_except_those_after_the_new_one()
    {
        var draft = await demo.Submit(Request);
        var reports = new Reports();
        var song = await demo.Submit(Request with { ContinueFrom = draft.Codes, ReplaceSection = 2, Seed = 7 }, reports);
        Assert.Equal(PlacesOf(song), reports.Last());
        Assert.Equal(["verse"], reports.First().Starts.Select(start => start.Tag));
        Assert.Contains(reports, report => report is { Stage: SongStage.Stage1, Starts.Count: 2 });
        Assert.DoesNotContain(reports, report => report is { Stage: SongStage.Stage1, Starts.Count: > 2 });

        var finish = new Reports();
        var finished = await demo.Submit(new() { Lyrics = "", Scope = SongScope.Finish, ContinueFrom = draft.Codes }, finish);
        Assert.NotEmpty(finish);
        Assert.All(finish, report => Assert.Equal(PlacesOf(finished), report.Starts));
    }

    private static List<SectionPlace> PlacesOf(SongResult song) =>
    [
        .. song.Sections.Select((section, i) => new SectionPlace(
            section.Tag, Math.Round(song.Sections.Take(i).Sum(before => before.DurationSeconds), 6))),
    ];

    private sealed class Reports : ConcurrentQueue<SongProgress>, IProgress<SongProgress>
    {
        public void Report(SongProgress value) => Enqueue(value);

        public IReadOnlyList<SectionPlace> Last() => this.Last<SongProgress>().Starts;
    }
}

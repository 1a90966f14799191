using Xunit;
using YueService.Tests.Docs.Samples;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests that the dependencies between the folders of src, called rooms, match the table in CONTRIBUTING.md.</summary>
public sealed class RoomTests
{
    private static readonly CompiledRooms Compiled = new(
        new[] { "Yue.Cuda.dll", "Yue.Engine.dll", "YueService.Client.dll", "yue.dll" }
            .Select(name => Path.Combine(AppContext.BaseDirectory, name)));

    private static readonly RoomTable Table = new(File.ReadAllText(Path.Combine(DemoProcess.Repository, "CONTRIBUTING.md")));

    private static readonly RoomTable MadeUp = new("""
        | `Engine/Text` | nothing |
        | `Engine` | `Text` |
        | `App/Songs/Files` | nothing |
        | `App/Store` | `Songs/Files` |
        | `App/Songs` | `Store`, `Songs/Files` |
        | `App/Web` | `Songs`, `Engine/*` |
        """);

    private static IEnumerable<RoomUse> Uses => Compiled.Uses.Concat(SourceRooms.Uses);

    [Fact]
    public void Namespaces_match_folders() => AssertNone(SourceRooms.Misplaced);

    [Fact]
    public void Every_folder_has_one_row_below_the_rows_of_the_folders_it_uses() => AssertNone(Table.RowFaults(Compiled.Folders));

    [Fact]
    public void Rooms_use_only_what_the_table_allows() => AssertNone(Table.Forbidden(Uses));

    [Fact]
    public void Rooms_use_all_that_the_table_allows() => AssertNone(Table.Unneeded(Uses));

    [Fact]
    public void Every_kind_of_use_is_found()
    {
        var seen = new CompiledRooms(typeof(RoomTests).Assembly.Location).Uses
            .Where(use => use.User == typeof(SampleUser).FullName)
            .Select(use => use.Used);

        var samples = typeof(UsedBase).Assembly.GetTypes().Where(type => type.Namespace == typeof(UsedBase).Namespace);
        Assert.Equal(samples.Select(type => type.FullName!).Order(), seen.Order());
    }

    [Theory]
    [InlineData("App/Web", "App/Songs")]
    [InlineData("App/Web", "Engine/Text")]
    [InlineData("App/Songs", "App/Songs/Files")]
    [InlineData("App/Store", "App/Songs/Files")]
    public void Uses_in_the_table_are_allowed(string folder, string used) =>
        Assert.Empty(MadeUp.Forbidden([new(folder, "A", used, "B")]));

    [Theory]
    [InlineData("App/Songs", "App/Web", "A uses B, but App/Songs may not use App/Web")]
    [InlineData("App/Songs/Files", "App/Songs", "A uses B, but App/Songs/Files may not use App/Songs")]
    [InlineData("App/Songs/Files/Wav", "App/Songs/Files", "A uses B, but App/Songs/Files/Wav may not use App/Songs/Files")]
    public void Uses_that_are_not_in_the_table_are_reported(string folder, string used, string fault) =>
        Assert.Equal([fault], MadeUp.Forbidden([new(folder, "A", used, "B")]));

    [Fact]
    public void Unneeded_names_in_rows_are_reported() => Assert.Equal(
        [
            "Engine may use Text, but does not",
            "App/Songs may use Store, but does not",
            "App/Songs may use Songs/Files, but does not",
            "App/Web may use Engine/*, but does not",
        ],
        MadeUp.Unneeded([new("App/Web", "A", "App/Songs", "B"), new("App/Store", "A", "App/Songs/Files", "B")]));

    [Fact]
    public void Invalid_rows_are_reported() => Assert.Equal(
        [
            "App/Web has two rows",
            "the row of App/Web names Store, which has no row",
            "App/Songs contains no types",
            "Engine has no row",
        ],
        new RoomTable("""
            | `App/Songs` | nothing |
            | `App/Web` | `Songs`, `Store` |
            | `App/Web` | nothing |
            """).RowFaults(["App/Web", "Engine"]));

    [Fact]
    public void A_circular_dependency_is_reported() => Assert.Equal(
        ["the row of App/C/D names B, which is not above it"],
        new RoomTable("""
            | `App/A` | nothing |
            | `App/C/D` | `A`, `B` |
            | `App/B` | `A`, `C/*` |
            """).RowFaults(["App/A", "App/B", "App/C/D"]));

    private static void AssertNone(IEnumerable<string> faults) =>
        Assert.True(!faults.Any(), string.Join('\n', faults.Distinct().Order(StringComparer.Ordinal)));
}

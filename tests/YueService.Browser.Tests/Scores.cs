namespace YueService.Browser.Tests;

/// <summary>Scores in ABC notation.</summary>
internal static class Scores
{
    /// <summary>A score in the form that the model writes: two voices, chords, and sections as comments.</summary>
    public const string Written = """
        X:1
        T:
        M:4/4
        L:1/16
        Q:1/4=88
        V: Vocal clef=treble name="Vocal Melody" snm="Vocal"
        V: Ins clef=treble name="Ins Melody" snm="Inst."
        K:C
        % verse
        V: Vocal
        "C"E2G2A2G2E2D2C4|"G"D2E2G2E2D2C2D4|"Am"E2G2A2c2B2A2G4|"F"F2E2D2E2G2E2C4|
        V: Ins
        Z4|
        % chorus
        V: Vocal
        "C"G2A2c2B2A2G2E4|"F"F2A2G2E2D2E2G4|"G"A2c2B2A2G2E2D4|"C"E2G2A2G2E2D2C4|
        V: Ins
        C4E4G4E4|Z3|

        """;

    /// <summary>A score without errors.</summary>
    public const string Edited = "X:1\nM:4/4\nL:1/4\nK:G\n\"G\"G2B2|\"D\"A4|";

    /// <summary>A poem, which is not ABC notation.</summary>
    public const string Poem = "Roses are red,\nviolets are blue.\n\nSugar is sweet & so are you!";

    /// <summary>A score with markup and links in every place where abcjs draws text.</summary>
    public const string Markup = """
        X:1
        T:<script>parent.hacked = 1</script>
        C:<img src="http://example.invalid/x.png" onerror="parent.hacked = 2">
        %%text <a href="javascript:parent.hacked = 3">click</a>
        %%beginsvg
        <svg onload="parent.hacked = 4"><script>parent.hacked = 5</script></svg>
        %%endsvg
        %%begintext
        <iframe src="http://example.invalid/"></iframe>
        %%endtext
        %%titlefont "</style><script>parent.hacked = 6</script>" 20
        L:1/4
        K:C
        V:1 name="<script>parent.hacked = 7</script>"
        "<b onclick='parent.hacked = 8'>"C"^http://example.invalid/"D <script>parent.hacked = 9</script> E|
        w: <script>parent.hacked=10</script> la
        W: <object data="http://example.invalid/"></object>

        """;

    /// <summary>A score with directives whose values are far out of range, and with an empty block of text.</summary>
    public const string Directives = """
        X:1
        %%scale 1000000
        %%staffwidth 99999999
        %%jazzchords
        %%topspace 1e308
        %%MIDI program 99999
        %%MIDI drum zzzz 1 2 3
        %%score (((((1 2
        %%abc-include http://example.invalid/x.abc
        %%begintext

         

        %%endtext
        Q:1/4=99999999
        M:99999/1
        L:1/4
        K:C
        "C7sus4/G"C [CEGBdfa]999999 (99:99:99C Z99999|:|:|:|:C:|:|:|

        """;

    /// <summary>Returns a score of almost the maximum length that the service accepts.</summary>
    public static string Longest()
    {
        const int MaxLength = 60_000;
        const string Bars = "\"C\"E2G2A2G2E2D2C4|\"G\"D2E2G2E2D2C2D4|\n";
        const string Header = "X:1\nM:4/4\nL:1/16\nK:C\n";
        return Header + string.Concat(Enumerable.Repeat(Bars, (MaxLength - Header.Length) / Bars.Length));
    }
}

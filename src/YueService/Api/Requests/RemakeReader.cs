using System.Globalization;
using System.Text.Json;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>Reads what a request says of another song that it goes on from, and of how far it goes.</summary>
internal static class RemakeReader
{
    private const string ContinueFrom = "continue_from";
    private const string ReplaceSection = "replace_section";
    private const string TargetSeconds = "target_seconds";

    private static readonly Dictionary<string, SongScope> Scopes = new(StringComparer.Ordinal)
    {
        ["full"] = SongScope.Full,
        ["draft"] = SongScope.Draft,
        ["finish"] = SongScope.Finish,
    };

    /// <summary>The id of the song that a body goes on from; null where it names none.</summary>
    public static string? SongIdOf(JsonElement root) => new FieldReader(root, "", new RequestFindings()).AnyText(ContinueFrom).Text;

    /// <summary>Whether a request goes on from a song by its id, whether or not there is such a song.</summary>
    public static bool NamesSong(FieldReader fields) => fields.KindOf(ContinueFrom) == JsonValueKind.String;

    /// <summary>How much of the way the song goes.</summary>
    public static SongScope ReadScope(FieldReader fields) =>
        fields.OneOf("stage", Scopes.Keys, "\"full\"") is { } name ? Scopes[name] : SongScope.Full;

    /// <summary>The codes that the request goes on from; null when there are none or they are at fault.</summary>
    /// <param name="fields">The request.</param>
    /// <param name="origin">The song that the request names; null where there is no such song.</param>
    public static SongCodes? ReadCodes(FieldReader fields, SongOrigin? origin)
    {
        const string Expected = "the id of a finished song, or codes as return_codes gives them";
        switch (fields.KindOf(ContinueFrom))
        {
            case JsonValueKind.Undefined:
                return null;
            case JsonValueKind.Object:
                return CodesReader.Read(fields.Object(ContinueFrom));
            case JsonValueKind.String when origin is not null:
                return origin.Codes;
            case JsonValueKind.String:
                fields.Require(ContinueFrom, $"is \"{JsonText.Cut(fields.AnyText(ContinueFrom).Text ?? "")}\", and there is no such song", Expected);
                return null;
            default:
                fields.Mismatch(ContinueFrom, Expected, "a new song");
                return null;
        }
    }

    /// <summary>The section to sing again; null for none.</summary>
    public static int? ReadReplaceSection(FieldReader fields) =>
        fields.OptionalInt(ReplaceSection, 1, SongLimits.MaxCodesSections, "no section");

    /// <summary>The lengths asked for; one number stands for every section.</summary>
    public static IReadOnlyList<double>? ReadTargetSeconds(FieldReader fields) => fields.Doubles(
        TargetSeconds, SongLimits.MaxCodesSections, SongLimits.MinTargetSeconds, SongLimits.MaxTargetSeconds, "the length that comes out");

    /// <summary>Checks fields that are right by themselves against each other.</summary>
    /// <param name="song">What was read.</param>
    /// <param name="fields">Where it was read from, and where faults are noted.</param>
    /// <param name="models">The names that a model may have; none when they are not known yet.</param>
    /// <returns>The request, with a target for each section that is sung.</returns>
    public static SongRequest Check(SongRequest song, FieldReader fields, IReadOnlyCollection<string> models)
    {
        if (song is { ContinueFrom: null, ReplaceSection: null, TargetSeconds: null, Scope: not SongScope.Finish })
        {
            return song;
        }

        CheckScope(song, fields);
        if (song.ContinueFrom is { } codes)
        {
            song = song with { Model = song.Model ?? codes.Model };
            CheckCodes(song, codes, fields, models);
        }

        return song is { Scope: not SongScope.Finish, TargetSeconds: { } targets } ? CheckTargets(song, targets, fields) : song;
    }

    private static void CheckScope(SongRequest song, FieldReader fields)
    {
        if (song.Scope == SongScope.Finish)
        {
            foreach (var name in new[] { ReplaceSection, TargetSeconds }.Where(name => !fields.IsMissing(name)))
            {
                fields.Error(name, "has no meaning with stage \"finish\", which sings nothing; leave it out, or ask for another stage.");
            }
        }

        if (song.ContinueFrom is not null)
        {
            return;
        }

        if (song.Scope == SongScope.Finish)
        {
            fields.Require(ContinueFrom, "is missing, and stage is \"finish\"", "the id or the codes of the song to finish");
        }
        else if (song.ReplaceSection is not null)
        {
            fields.Error(ReplaceSection, $"needs {ContinueFrom}; send the id or the codes of the song that the section is of.");
        }
    }

    private static void CheckCodes(SongRequest song, SongCodes codes, FieldReader fields, IReadOnlyCollection<string> models)
    {
        if (song.Model != codes.Model)
        {
            fields.Error("model", $"is {song.Model} and the song of {ContinueFrom} is by {JsonText.Cut(codes.Model)}; send its model or none.");
        }
        else if (models.Count > 0 && !models.Contains(codes.Model))
        {
            fields.Error(
                ContinueFrom, $"is by the model {JsonText.Cut(codes.Model)}, which is not here; there is {string.Join(", ", models)}.");
        }

        if (song.Scope == SongScope.Finish)
        {
            return;
        }

        var kept = codes.Sections.Count;
        if (song.ReplaceSection > kept)
        {
            fields.Error(ReplaceSection, $"is {song.ReplaceSection}; the song of {ContinueFrom} has {kept} sections: send 1 to {kept}.");
            return;
        }

        CheckLyrics(song, codes, fields);
    }

    /// <summary>The lyrics are the whole song's: the kept sections first, under their tags, then something to sing.</summary>
    private static void CheckLyrics(SongRequest song, SongCodes codes, FieldReader fields)
    {
        const string Rule = "send the lyrics of the whole song, the sections that are sung already first";
        var (lyrics, kept) = (SongPlan.For(song).Lyrics, codes.Sections);
        if (lyrics.Count < kept.Count || (lyrics.Count == kept.Count && song.ReplaceSection is null))
        {
            fields.Error("lyrics", $"has {lyrics.Count} sections and {ContinueFrom} has {kept.Count}: nothing is left to sing; {Rule}.");
            return;
        }

        var other = Enumerable.Range(0, kept.Count)
            .Where(i => lyrics[i].Tag != kept[i].Tag && i != song.ReplaceSection - 1).Select(i => (int?)i).FirstOrDefault();
        if (other is { } at)
        {
            fields.Error(
                "lyrics",
                $"has [{JsonText.Cut(lyrics[at].Tag)}] as section {at + 1} and {ContinueFrom} has {JsonText.Cut(kept[at].Tag)}; {Rule}.");
        }
    }

    private static SongRequest CheckTargets(SongRequest song, IReadOnlyList<double> targets, FieldReader fields)
    {
        var longest = targets.Max();
        if (!fields.IsMissing("max_new_tokens") && 100 * longest > song.MaxNewTokens)
        {
            fields.Error(
                TargetSeconds,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"asks for {longest} s, which are {100 * longest:0} tokens, and max_new_tokens is {song.MaxNewTokens}; leave max_new_tokens out, or raise it."));
        }

        var sung = SongPlan.For(song).Sung.Count;
        if (fields.KindOf(TargetSeconds) != JsonValueKind.Array)
        {
            return song with { TargetSeconds = [.. Enumerable.Repeat(targets[0], sung)] };
        }

        if (targets.Count != sung)
        {
            fields.Error(TargetSeconds, $"has {targets.Count} items and {sung} sections are sung; send one number for each, or one for all.");
        }

        return song;
    }
}

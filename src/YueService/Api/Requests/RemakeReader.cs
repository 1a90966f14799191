using System.Globalization;
using System.Text.Json;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>Reads the song that a request continues, and checks the fields that depend on that song or on the sections to sing.</summary>
internal static class RemakeReader
{
    private static readonly SongField ContinueFrom = SongFields.ContinueFrom;
    private static readonly WholeField ReplaceSection = SongFields.ReplaceSection;
    private static readonly NumbersField TargetSeconds = SongFields.TargetSeconds;

    /// <summary>Returns the id of the song that a body continues; null if it names none.</summary>
    public static string? SongIdOf(JsonElement root) => new FieldReader(root, "", new RequestFindings()).AnyText(ContinueFrom).Text;

    /// <summary>Returns whether a request gives the id of a song to continue, even if there is no such song.</summary>
    public static bool NamesSong(FieldReader fields) => fields.KindOf(ContinueFrom) == JsonValueKind.String;

    /// <summary>Returns the codes that the request continues; null if there are none or they are invalid.</summary>
    /// <param name="fields">The request.</param>
    /// <param name="origin">The song that the request names; null if it names none, or if there is no such song.</param>
    public static SongCodes? ReadCodes(FieldReader fields, SongOrigin? origin)
    {
        switch (fields.KindOf(ContinueFrom))
        {
            case JsonValueKind.Undefined:
                return null;
            case JsonValueKind.Object:
                return CodesReader.Read(fields.Object(ContinueFrom));
            case JsonValueKind.String when origin is not null:
                return origin.Codes;
            case JsonValueKind.String:
                var id = JsonText.Cut(fields.AnyText(ContinueFrom).Text ?? "");
                fields.Require(ContinueFrom, $"is \"{id}\", but there is no such song", ContinueFrom.Expected);
                return null;
            default:
                fields.Mismatch(ContinueFrom);
                return null;
        }
    }

    /// <summary>Checks fields that are valid on their own against each other.</summary>
    /// <param name="song">The request that was read.</param>
    /// <param name="fields">The reader of the request, which receives the errors.</param>
    /// <param name="models">The models; empty if they are not known yet.</param>
    /// <returns>The request, with the model of the codes that it continues, and with one target per section to sing if it has a
    /// target.</returns>
    public static SongRequest Check(SongRequest song, FieldReader fields, IReadOnlyList<ModelDescription> models)
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

        return song is { Scope: not SongScope.Finish, TargetSeconds: { } targets }
            ? CheckTargets(song, targets, fields, isKnown: models.Count > 0)
            : song;
    }

    private static void CheckScope(SongRequest song, FieldReader fields)
    {
        if (song.Scope == SongScope.Finish)
        {
            foreach (var field in new RequestField[] { ReplaceSection, TargetSeconds }.Where(field => !fields.IsMissing(field)))
            {
                fields.Error(field, "has no meaning with stage \"finish\", which sings nothing; leave it out, or choose another stage.");
            }
        }

        if (song.ContinueFrom is not null)
        {
            return;
        }

        if (song.Scope == SongScope.Finish)
        {
            fields.Require(ContinueFrom, "is missing, but stage is \"finish\"", "the id or the codes of the song to finish");
        }
        else if (song.ReplaceSection is not null)
        {
            fields.Error(ReplaceSection, $"needs {ContinueFrom.Name}; send the id or the codes of the song with this section.");
        }
    }

    private static void CheckCodes(SongRequest song, SongCodes codes, FieldReader fields, IReadOnlyList<ModelDescription> models)
    {
        if (song.Model != codes.Model)
        {
            fields.Error(
                SongFields.Model,
                $"is {song.Model}, but {JsonText.Cut(codes.Model)} sang the song in {ContinueFrom.Name}; "
                    + $"send {JsonText.Cut(codes.Model)}, or leave {SongFields.Model.Name} out.");
        }
        else if (models.Count > 0 && models.All(model => model.Name != codes.Model))
        {
            var names = string.Join(", ", models.Select(model => model.Name));
            fields.Error(
                ContinueFrom, $"was sung by the model {JsonText.Cut(codes.Model)}, which is not available; the models are {names}.");
        }

        if (song.Scope == SongScope.Finish)
        {
            return;
        }

        var kept = codes.Sections.Count;
        if (song.ReplaceSection > kept)
        {
            fields.Error(
                ReplaceSection,
                $"is {song.ReplaceSection}, but the last section of {ContinueFrom.Name} is {kept}; send a whole number from 1 to {kept}.");
            return;
        }

        CheckLyrics(song, codes, fields);
    }

    /// <summary>Checks that the lyrics are those of the whole song: first the kept sections with their tags, then at least one more unless
    /// a section is replaced.</summary>
    private static void CheckLyrics(SongRequest song, SongCodes codes, FieldReader fields)
    {
        const string Rule = "send the lyrics of the whole song, beginning with the sections that have already been sung";
        var (lyrics, kept) = (SongPlan.For(song).Lyrics, codes.Sections);
        if (lyrics.Count < kept.Count || (lyrics.Count == kept.Count && song.ReplaceSection is null))
        {
            fields.Error(
                SongFields.Lyrics,
                $"leaves nothing to sing (sections of the lyrics: {lyrics.Count}, of {ContinueFrom.Name}: {kept.Count}); {Rule}.");
            return;
        }

        var other = Enumerable.Range(0, kept.Count)
            .Where(i => lyrics[i].Tag != kept[i].Tag && i != song.ReplaceSection - 1).Select(i => (int?)i).FirstOrDefault();
        if (other is { } at)
        {
            fields.Error(
                SongFields.Lyrics,
                $"has [{JsonText.Cut(lyrics[at].Tag)}] as section {at + 1}, but {ContinueFrom.Name} has "
                    + $"{JsonText.Cut(kept[at].Tag)}; {Rule}.");
        }
    }

    private static SongRequest CheckTargets(SongRequest song, IReadOnlyList<double> targets, FieldReader fields, bool isKnown)
    {
        var longest = targets.Max();
        if (isKnown && longest > SongLimits.MaxTargetSeconds)
        {
            fields.Error(
                TargetSeconds,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"requests {longest} s, but a section can last at most {SongLimits.MaxTargetSeconds} s; send a number ")
                + $"from {SongLimits.MinTargetSeconds} to {SongLimits.MaxTargetSeconds}, or leave it out.");
        }

        if (!fields.IsMissing(SongFields.MaxNewTokens) && 100 * longest > song.MaxNewTokens)
        {
            fields.Error(
                TargetSeconds,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"requests {longest} s, which is {100 * longest:0} tokens, but max_new_tokens is {song.MaxNewTokens}; ")
                + "leave max_new_tokens out, or raise it.");
        }

        var sung = SongPlan.For(song).Sung.Count;
        if (fields.KindOf(TargetSeconds) != JsonValueKind.Array)
        {
            return song with { TargetSeconds = [.. Enumerable.Repeat(targets[0], sung)] };
        }

        if (targets.Count != sung)
        {
            fields.Error(
                TargetSeconds,
                $"has {targets.Count} items, but {sung} section{(sung == 1 ? " is" : "s are")} sung; "
                    + "send one number for each, or one for all.");
        }

        return song;
    }
}

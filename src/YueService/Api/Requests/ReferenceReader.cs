using System.Text.Json;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Api.Requests;

/// <summary>Reads the field <c>reference</c>.</summary>
internal static class ReferenceReader
{
    private static readonly FileField[] Files = [SongFields.ReferenceAudio, SongFields.ReferenceVocal, SongFields.ReferenceInstrumental];

    // These names are constants because only constants can be used in patterns.
    private const string Audio = "reference.audio";
    private const string Vocal = "reference.vocal";
    private const string Instrumental = "reference.instrumental";
    private const string Clip = "reference.clip";

    /// <summary>The names that a file part of a request may have.</summary>
    public static IReadOnlyList<string> FileNames { get; } = [.. Files.Select(file => file.Path)];

    /// <summary>Returns the id of the uploaded clip that a body refers to; null if there is none.</summary>
    public static string? ClipIdOf(JsonElement root) =>
        new FieldReader(root, "", new RequestFindings()).Object(SongFields.Reference).AnyText(SongFields.ReferenceClip).Text;

    /// <summary>Returns the reason why files cannot be sent together, as a sentence; null if they can.</summary>
    public static string? Conflict(IReadOnlyCollection<string> sent) => sent.Contains(Audio) && sent.Count > 1
        ? "reference.audio was sent together with stems; send either one mixed clip, or both vocal and instrumental."
        : null;

    /// <summary>Reads the clip of a request.</summary>
    /// <param name="request">The request's fields.</param>
    /// <param name="parts">The files that were sent with the JSON, by name, and the uploaded clip that it refers to, if any.</param>
    /// <param name="findings">Receives the errors.</param>
    /// <returns>The clip, which is incomplete if errors were reported; null if the request has none.</returns>
    public static ReferenceUpload? Read(FieldReader request, IReadOnlyDictionary<string, ClipFile> parts, RequestFindings findings)
    {
        var isAbsent = request.IsMissing(SongFields.Reference) && parts.Count == 0;
        var fields = request.Object(SongFields.Reference);
        var files = Files
            .Select(file => KeyValuePair.Create(file.Path, ReadFile(fields, file, parts, findings)))
            .Where(file => file.Value is not null)
            .Select(file => KeyValuePair.Create(file.Key, file.Value!))
            .ToList();
        if (ReadClip(fields, parts) is { } clip)
        {
            files.Add(KeyValuePair.Create(Clip, clip));
        }

        var (start, end) = ReadRange(fields);
        var separate = fields.Flag(SongFields.ReferenceSeparate);
        fields.Finish();
        if (isAbsent)
        {
            return null;
        }

        CheckFiles([.. files.Select(file => file.Key)], separate, findings);
        return new(files, start, end, separate);
    }

    /// <summary>Returns the uploaded clip that the request refers to; null if it refers to none, or there is no such clip.</summary>
    private static ClipFile? ReadClip(FieldReader fields, IReadOnlyDictionary<string, ClipFile> parts)
    {
        var field = SongFields.ReferenceClip;
        var id = fields.Text(field);
        if (id is not null && !parts.ContainsKey(Clip))
        {
            fields.Error(field, $"is \"{JsonText.Cut(id)}\", but there is no such clip; send the id of a clip from POST /v1/clips.");
        }

        return id is null ? null : parts.GetValueOrDefault(Clip);
    }

    private static ClipFile? ReadFile(
        FieldReader fields, FileField field, IReadOnlyDictionary<string, ClipFile> parts, RequestFindings findings)
    {
        var inline = fields.Base64(field);
        if (!parts.TryGetValue(field.Path, out var part))
        {
            return inline is null ? null : new(_ => Task.FromResult(inline()));
        }

        findings.Sent(field);
        if (inline is not null)
        {
            findings.Error(field.Path, $"{field.Path} was sent twice, in the JSON and as a file; send one of them.");
        }

        return part;
    }

    private static (double Start, double End) ReadRange(FieldReader fields)
    {
        var (start, end) = (SongFields.ReferenceStart, SongFields.ReferenceEnd);
        var sentEnd = fields.OptionalNumber(end);
        var (from, to) = (fields.Number(start), sentEnd ?? end.Default!.Value);
        if (to - from is < SongLimits.MinReferenceSeconds or > SongLimits.MaxReferenceSeconds)
        {
            fields.Error(
                end,
                FormattableString.Invariant($"is {to}{(sentEnd is null ? " (the default)" : "")} and {start.Path} is {from}; ")
                    + $"send an end that is {SongLimits.MinReferenceSeconds} to {SongLimits.MaxReferenceSeconds} seconds after the start.");
        }

        return (from, to);
    }

    private static void CheckFiles(IReadOnlyList<string> sent, bool separate, RequestFindings findings)
    {
        switch (sent)
        {
            case [Audio] or [Clip] or [Vocal, Instrumental]:
                break;
            case [] when findings.Errors.Keys.Any(path => path == Clip || FileNames.Contains(path)):
                break;
            case []:
                findings.Error(SongFields.Reference.Path, "reference has no clip; send audio or clip, or both vocal and instrumental.");
                break;
            case [.., Clip]:
                findings.Error(Clip, "reference.clip was sent together with a file; send one of them.");
                break;
            case [Vocal]:
                findings.Error(Instrumental, MissingTrack("instrumental", "vocal"));
                break;
            case [Instrumental]:
                findings.Error(Vocal, MissingTrack("vocal", "instrumental"));
                break;
            default:
                findings.Error(Audio, Conflict(sent)!);
                break;
        }

        if (separate && !sent.Contains(Audio) && !sent.Contains(Clip))
        {
            findings.Error(
                SongFields.ReferenceSeparate.Path,
                "reference.separate is true without reference.audio or reference.clip; send a mixed clip to split, or leave it out.");
        }
    }

    private static string MissingTrack(string missing, string sent) =>
        $"reference.{missing} is missing; send it with reference.{sent}, or send one mixed clip as reference.audio.";
}

using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>Reads the field <c>reference</c>: the one place that knows its fields, defaults and bounds.</summary>
internal static class ReferenceReader
{
    /// <summary>The field.</summary>
    public const string Field = "reference";

    private const string Audio = "reference.audio";
    private const string Vocal = "reference.vocal";
    private const string Instrumental = "reference.instrumental";

    /// <summary>The names that a file part of a request may have.</summary>
    public static IReadOnlyList<string> FileNames { get; } = [Audio, Vocal, Instrumental];

    /// <summary>Returns why files cannot be sent together, as a sentence; null when they can.</summary>
    public static string? Conflict(IReadOnlyCollection<string> sent) => sent.Contains(Audio) && sent.Count > 1
        ? "reference.audio came with stems; send either one mixed clip, or both vocal and instrumental."
        : null;

    /// <summary>Reads the clip of a request.</summary>
    /// <param name="request">The request's fields.</param>
    /// <param name="parts">The files that came beside the JSON, by name.</param>
    /// <param name="findings">Told of every fault.</param>
    /// <returns>Null when there is none, or when it is at fault.</returns>
    public static ReferenceUpload? Read(FieldReader request, IReadOnlyDictionary<string, ClipFile> parts, RequestFindings findings)
    {
        var isAbsent = request.IsMissing(Field) && parts.Count == 0;
        var fields = request.Object(Field);
        var files = FileNames
            .Select(name => KeyValuePair.Create(name, ReadFile(fields, name, parts, findings)))
            .Where(file => file.Value is not null)
            .Select(file => KeyValuePair.Create(file.Key, file.Value!))
            .ToList();
        var (start, end) = ReadStretch(fields, findings);
        var separate = fields.Flag("separate", false);
        fields.Finish();
        if (isAbsent)
        {
            return null;
        }

        CheckFiles([.. files.Select(file => file.Key)], separate, findings);
        return new(files, start, end, separate);
    }

    private static ClipFile? ReadFile(FieldReader fields, string path, IReadOnlyDictionary<string, ClipFile> parts, RequestFindings findings)
    {
        var name = path[(Field.Length + 1)..];
        var inline = fields.Base64(name, $"a {AudioDecoder.Kinds} file in base64, of at most {AudioDecoder.MaxBytes >> 20} MiB");
        if (!parts.TryGetValue(path, out var part))
        {
            return inline is null ? null : new(_ => Task.FromResult(inline()));
        }

        if (inline is not null)
        {
            findings.Error(path, $"{path} came twice, in the JSON and as a file; send one of them.");
        }

        return part;
    }

    private static (double Start, double End) ReadStretch(FieldReader fields, RequestFindings findings)
    {
        const double DefaultEnd = SongLimits.DefaultReferenceEndSeconds;
        var start = fields.Double("start_seconds", 0, AudioDecoder.MaxDurationSeconds, "0");
        var end = fields.Double("end_seconds", 0, AudioDecoder.MaxDurationSeconds, $"{DefaultEnd}");
        var (from, to) = (start ?? 0, end ?? DefaultEnd);
        if (to - from is < SongLimits.MinReferenceSeconds or > SongLimits.MaxReferenceSeconds)
        {
            findings.Error(
                "reference.end_seconds",
                FormattableString.Invariant($"reference.end_seconds is {to}{(end is null ? " (the default)" : "")} and reference.start_seconds {from}; ")
                    + $"send an end that is {SongLimits.MinReferenceSeconds} to {SongLimits.MaxReferenceSeconds} seconds after the start.");
        }

        return (from, to);
    }

    private static void CheckFiles(IReadOnlyList<string> sent, bool separate, RequestFindings findings)
    {
        switch (sent)
        {
            case [Audio] or [Vocal, Instrumental]:
                break;
            case [] when findings.Errors.Keys.Any(FileNames.Contains):
                break;
            case []:
                findings.Error(Field, "reference has no clip; send audio, or both vocal and instrumental.");
                break;
            case [Vocal]:
                findings.Error(Instrumental, "reference.instrumental is missing; send it with reference.vocal, or send one mixed clip as reference.audio.");
                break;
            case [Instrumental]:
                findings.Error(Vocal, "reference.vocal is missing; send it with reference.instrumental, or send one mixed clip as reference.audio.");
                break;
            default:
                findings.Error(Audio, Conflict(sent)!);
                break;
        }

        if (separate && !sent.Contains(Audio))
        {
            findings.Error("reference.separate", "reference.separate is true without reference.audio; send a mixed clip to split, or leave it out.");
        }
    }
}

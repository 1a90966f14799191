using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Serialization;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>Reads jobs from rows of the database, and converts the values of columns to and from JSON.</summary>
internal static class JobRows
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>Returns the JSON of a value, as it is stored in rows and files.</summary>
    public static string ToJson<T>(T value) => JsonSerializer.Serialize(value, Json);

    /// <summary>Parses the result of <see cref="ToJson"/>.</summary>
    /// <exception cref="Exception">The text is damaged: <see cref="IsDamage"/> is true for the exception.</exception>
    public static T FromJson<T>(string json) =>
        JsonSerializer.Deserialize<T>(json, Json) ?? throw new JsonException("The value is null.");

    /// <summary>Returns whether an exception means that stored text or numbers are damaged.</summary>
    public static bool IsDamage(Exception e) =>
        e is JsonException or ArgumentException or FormatException or InvalidOperationException
            or NotSupportedException or OverflowException;

    /// <summary>Runs a command that returns complete rows. A damaged row is returned as a failed job.</summary>
    /// <param name="command">The command.</param>
    /// <param name="onDamage">Receives the id of each damaged row and the error.</param>
    /// <param name="cancel">Cancels the wait.</param>
    /// <param name="onRow">Reads the columns of a row that are not part of the job.</param>
    public static async Task<IReadOnlyList<StoredJob>> ReadAsync(
        DbCommand command, Action<string, Exception> onDamage, CancellationToken cancel, Action<DbDataReader>? onRow = null)
    {
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await ReadAsync(reader, onDamage, cancel, onRow);
    }

    /// <summary>Reads the complete rows of a result. A damaged row is returned as a failed job.</summary>
    /// <param name="reader">The result.</param>
    /// <param name="onDamage">Receives the id of each damaged row and the error.</param>
    /// <param name="cancel">Cancels the wait.</param>
    /// <param name="onRow">Reads the columns of a row that are not part of the job.</param>
    public static async Task<IReadOnlyList<StoredJob>> ReadAsync(
        DbDataReader reader, Action<string, Exception> onDamage, CancellationToken cancel, Action<DbDataReader>? onRow = null)
    {
        var jobs = new List<StoredJob>();
        while (await reader.ReadAsync(cancel))
        {
            onRow?.Invoke(reader);
            try
            {
                jobs.Add(ReadRow(reader));
            }
            catch (Exception e) when (IsDamage(e))
            {
                var damaged = ReadDamaged(reader);
                jobs.Add(damaged);
                onDamage(damaged.Id, e);
            }
        }

        return jobs;
    }

    private static StoredJob ReadRow(DbDataReader reader) => new()
    {
        Number = reader.GetInt64(reader.GetOrdinal("number")),
        Id = reader.GetString(reader.GetOrdinal("id")),
        State = Enum.Parse<JobState>(reader.GetString(reader.GetOrdinal("state")), ignoreCase: true),
        Request = FromJson<RequestRow>(reader.GetString(reader.GetOrdinal("request"))).ToRequest() with
        {
            Title = Text(reader, "title"),
            ParentId = Text(reader, "parent_id"),
            CallbackUrl = Text(reader, "callback_url"),
        },
        Take = Take(reader),
        Note = Text(reader, "note"),
        IsFavourite = reader.GetBoolean(reader.GetOrdinal("favourite")),
        Edits = reader.GetInt64(reader.GetOrdinal("edits")),
        BodyHash = Text(reader, "body_hash"),
        CreatedAt = Time(reader, "created_ms")!.Value,
        StartedAt = Time(reader, "started_ms"),
        FinishedAt = Time(reader, "finished_ms"),
        Interruptions = (int)reader.GetInt64(reader.GetOrdinal("interruptions")),
        Attempt = (int)reader.GetInt64(reader.GetOrdinal("attempt")),
        Folder = Text(reader, "folder"),
        Owner = Text(reader, "owner") is { Length: > 0 } owner ? owner : null,
        Fault = Text(reader, "fault") is { } fault ? FromJson<Fault>(fault) : null,
        Song = Text(reader, "song") is { } song ? FromJson<SongRow>(song).ToSong() : null,
        Files = Text(reader, "files") is { } files ? FromJson<Dictionary<string, long>>(files) : null,
    };

    private static StoredJob ReadDamaged(DbDataReader reader) => new()
    {
        Number = reader.GetInt64(reader.GetOrdinal("number")),
        Id = reader.GetString(reader.GetOrdinal("id")),
        State = JobState.Failed,
        IsDamaged = true,
        Request = new JobRequest(new SongRequest { Lyrics = "", Genre = "" }, null, null, []),
        Take = Take(reader),
        BodyHash = Text(reader, "body_hash"),
        Attempt = (int)reader.GetInt64(reader.GetOrdinal("attempt")),
        Folder = Text(reader, "folder"),
        CreatedAt = TimeOrNull(reader, "created_ms") ?? DateTimeOffset.UnixEpoch,
        FinishedAt = TimeOrNull(reader, "finished_ms"),
        Fault = new(FaultKind.SongDamaged, "The job's row in the database is damaged. Delete the job and request the song again."),
    };

    private static JobTake? Take(DbDataReader reader) =>
        Text(reader, "group_id") is { } group && reader.GetOrdinal("take") is var i && !reader.IsDBNull(i)
            ? new(group, (int)reader.GetInt64(i))
            : null;

    private static string? Text(DbDataReader reader, string column) =>
        reader.GetOrdinal(column) is var i && reader.IsDBNull(i) ? null : reader.GetString(i);

    private static DateTimeOffset? Time(DbDataReader reader, string column) =>
        reader.GetOrdinal(column) is var i && reader.IsDBNull(i) ? null : DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(i));

    private static DateTimeOffset? TimeOrNull(DbDataReader reader, string column)
    {
        try
        {
            return Time(reader, column);
        }
        catch (ArgumentOutOfRangeException)
        {
            return null;
        }
    }
}

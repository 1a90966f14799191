using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Data.Sqlite;

namespace YueService.Jobs;

/// <summary>Jobs as rows of the database.</summary>
internal static class JobRows
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>The form of requests, songs and faults within a row.</summary>
    public static string ToJson<T>(T value) => JsonSerializer.Serialize(value, Json);

    /// <summary>Undoes <see cref="ToJson"/>.</summary>
    public static T FromJson<T>(string json) =>
        JsonSerializer.Deserialize<T>(json, Json) ?? throw new JsonException("The value is null.");

    /// <summary>Runs a command that returns whole rows.</summary>
    public static IReadOnlyList<JobRecord> Read(SqliteCommand command)
    {
        var jobs = new List<JobRecord>();
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            jobs.Add(new JobRecord
            {
                Number = reader.GetInt64(reader.GetOrdinal("number")),
                Id = reader.GetString(reader.GetOrdinal("id")),
                State = Enum.Parse<JobState>(reader.GetString(reader.GetOrdinal("state")), ignoreCase: true),
                Request = FromJson<JobRequest>(reader.GetString(reader.GetOrdinal("request"))),
                BodyHash = Text(reader, "body_hash"),
                CreatedAt = Time(reader, "created_ms")!.Value,
                StartedAt = Time(reader, "started_ms"),
                FinishedAt = Time(reader, "finished_ms"),
                Interruptions = reader.GetInt32(reader.GetOrdinal("interruptions")),
                Fault = Text(reader, "fault") is { } fault ? FromJson<JobFault>(fault) : null,
                Song = Text(reader, "song") is { } song ? FromJson<FinishedSong>(song) : null,
            });
        }

        return jobs;
    }

    private static string? Text(SqliteDataReader reader, string column) =>
        reader.GetOrdinal(column) is var i && reader.IsDBNull(i) ? null : reader.GetString(i);

    private static DateTimeOffset? Time(SqliteDataReader reader, string column) =>
        reader.GetOrdinal(column) is var i && reader.IsDBNull(i) ? null : DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(i));
}

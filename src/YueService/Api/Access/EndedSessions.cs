using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>The sessions that were signed out before they expired. Thread-safe.</summary>
internal interface IEndedSessions
{
    /// <summary>Returns true if a session has ended, or if that cannot be determined.</summary>
    bool Contains(string id);

    /// <summary>Ends a session.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="expiry">The time in Unix seconds at which it would expire.</param>
    /// <exception cref="IOException">The session has ended in this process, but this could not be stored.</exception>
    /// <exception cref="UnauthorizedAccessException">The session has ended in this process, but this could not be stored.</exception>
    /// <exception cref="Jobs.StorageException">The session has ended in this process, but this could not be stored.</exception>
    Task AddAsync(string id, long expiry);
}

/// <summary>Keeps ended sessions in the state folder, so that they stay ended after a restart.</summary>
/// <remarks>The file has one line per session: its expiry in Unix seconds, and its id. Expired sessions are dropped when the file is
/// written.</remarks>
internal sealed partial class EndedSessions(IOptions<JobOptions> options, TimeProvider clock, ILogger<EndedSessions> logger)
    : IEndedSessions
{
    private const string FileName = "ended-sessions";

    private readonly Lock _gate = new();
    private ImmutableDictionary<string, long>? _expiries;       // by id; null until the file is read
    private ImmutableDictionary<string, long> _unread = [];     // sessions that ended while the file could not be read

    private string FilePath => Path.Combine(options.Value.StateFolder, FileName);

    public bool Contains(string id)
    {
        try
        {
            return _unread.ContainsKey(id) || Read().ContainsKey(id);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogUnreadable(e, FilePath);
            return true;
        }
    }

    public Task AddAsync(string id, long expiry)
    {
        lock (_gate)
        {
            var now = clock.GetUtcNow().ToUnixTimeSeconds();
            _unread = _unread.SetItem(id, expiry);
            var expired = Read().Where(session => session.Value <= now).Select(session => session.Key);
            _expiries = Read().RemoveRange(expired).SetItems(_unread);
            _unread = [];
            Directory.CreateDirectory(options.Value.StateFolder);
            var part = FilePath + ".part";
            File.WriteAllLines(
                part, _expiries.Select(session => string.Create(CultureInfo.InvariantCulture, $"{session.Value} {session.Key}")));
            File.Move(part, FilePath, overwrite: true);
            return Task.CompletedTask;
        }
    }

    private ImmutableDictionary<string, long> Read()
    {
        lock (_gate)
        {
            return _expiries ??= File.Exists(FilePath)
                ? File.ReadAllLines(FilePath).Select(Parse).OfType<KeyValuePair<string, long>>().ToImmutableDictionary()
                : [];
        }
    }

    private static KeyValuePair<string, long>? Parse(string line) =>
        line.Split(' ') is [var expiry, var id] && long.TryParse(expiry, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? new(id, seconds)
            : null;

    [LoggerMessage(LogLevel.Error, "{File} could not be read, so no session is accepted")]
    private partial void LogUnreadable(Exception exception, string file);
}

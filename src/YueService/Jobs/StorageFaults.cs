using SQLitePCL;

namespace YueService.Jobs;

/// <summary>Explains why a file or the database cannot be used. The sentences for callers contain no paths.</summary>
internal static class StorageFaults
{
    // errno values of Linux in the low half of an IOException's HResult.
    private const int NoSpace = 28;
    private const int OverQuota = 122;
    private const int ReadOnly = 30;
    private const int InUse = 11;

    /// <summary>Returns the cause of a failed write, for a sentence that names the location.</summary>
    public static string Cause(Exception e) => e switch
    {
        UnauthorizedAccessException => "this user has no write access there",
        IOException { HResult: var code } when (code & 0xFFFF) is NoSpace or OverQuota => "the disk is full",
        IOException { HResult: var code } when (code & 0xFFFF) == ReadOnly => "it is read-only",
        _ => e.Message.ReplaceLineEndings(" ").TrimEnd('.'),
    };

    /// <summary>Returns the reason why a file could not be read or written.</summary>
    public static string Describe(Exception e) => e switch
    {
        UnauthorizedAccessException => "The user that runs this process has no write access to the state folder.",
        IOException { HResult: var code } when (code & 0xFFFF) is NoSpace or OverQuota => "The disk of the state folder is full.",
        IOException { HResult: var code } when (code & 0xFFFF) == ReadOnly => "The state folder is read-only.",
        IOException { HResult: var code } when (code & 0xFFFF) == InUse =>
            "Another process is using the state folder: stop it, or set Yue:StateFolder to another folder.",
        _ => "The state folder cannot be used.",
    };

    /// <summary>Runs work on files, and turns its file errors into <see cref="StorageException"/>.</summary>
    public static T Guard<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (IsFileError(e))
        {
            throw new StorageException(Describe(e), e);
        }
    }

    /// <summary>Runs asynchronous work on files, and turns its file errors into <see cref="StorageException"/>.</summary>
    public static async Task<T> GuardAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (IsFileError(e))
        {
            throw new StorageException(Describe(e), e);
        }
    }

    /// <summary>Returns whether an exception means that a file could not be read or written.</summary>
    public static bool IsFileError(Exception e) => e is IOException or UnauthorizedAccessException;

    /// <summary>Returns the reason why the database could not be used, from SQLite's primary result code.</summary>
    public static string DescribeSqlite(int code) => code switch
    {
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => "The job database is locked by another program.",
        raw.SQLITE_FULL => "The disk of the state folder is full.",
        raw.SQLITE_READONLY or raw.SQLITE_PERM or raw.SQLITE_CANTOPEN => "The state folder is not writable.",
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => "The job database is damaged.",
        _ => "The job database cannot be used.",
    };
}

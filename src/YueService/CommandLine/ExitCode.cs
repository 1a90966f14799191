namespace YueService.CommandLine;

/// <summary>The exit codes of the program.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>An error that has no code of its own, such as an address in use or a full disk.</summary>
    public const int Failure = 1;

    /// <summary>The command line, the settings or the song's fields are invalid.</summary>
    public const int Usage = 2;

    /// <summary>The models could not be loaded.</summary>
    public const int EngineFailed = 3;

    /// <summary>The song could not be made.</summary>
    public const int SongFailed = 4;

    /// <summary>The engine failed after it was ready, for example because the device was lost. A new process may succeed.</summary>
    public const int EngineLost = 5;

    /// <summary>Ctrl-C or SIGTERM stopped the command. Takes that were already written are kept.</summary>
    public const int Cancelled = 130;
}

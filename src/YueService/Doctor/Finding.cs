namespace YueService.Doctor;

/// <summary>The result of a check.</summary>
internal enum FindingLevel
{
    Ok,

    /// <summary>The service runs, but not as well as it could.</summary>
    Warning,

    /// <summary>The service cannot run as configured.</summary>
    Missing,
}

/// <summary>A finding of the doctor.</summary>
/// <param name="Level">The result.</param>
/// <param name="Area">The subject of the check.</param>
/// <param name="Text">The finding in words.</param>
/// <param name="Fix">The command or the change that fixes it; null if there is nothing to fix.</param>
internal sealed record Finding(FindingLevel Level, string Area, string Text, string? Fix = null)
{
    public static Finding Ok(string area, string text) => new(FindingLevel.Ok, area, text);

    public static Finding Warning(string area, string text, string fix) => new(FindingLevel.Warning, area, text, fix);

    public static Finding Missing(string area, string text, string fix) => new(FindingLevel.Missing, area, text, fix);

    /// <summary>Returns the finding in one line, with its fix, if there is one, on the next line.</summary>
    public override string ToString() =>
        $"{Level.ToString().ToLowerInvariant(),-8} {Area}: {Text}" + (Fix is null ? "" : $"\n         fix: {Fix}");
}

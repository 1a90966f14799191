namespace YueService.Doctor;

/// <summary>The state of something.</summary>
internal enum FindingLevel
{
    Ok,

    /// <summary>The service runs, but not as well as it could.</summary>
    Warning,

    /// <summary>The service does not run as it is configured.</summary>
    Missing,
}

/// <summary>The doctor's finding about one thing.</summary>
/// <param name="Level">How it is.</param>
/// <param name="Area">The thing.</param>
/// <param name="Text">What was found.</param>
/// <param name="Fix">The command that fixes it; null where there is nothing to fix.</param>
internal sealed record Finding(FindingLevel Level, string Area, string Text, string? Fix = null)
{
    public static Finding Ok(string area, string text) => new(FindingLevel.Ok, area, text);

    public static Finding Warning(string area, string text, string fix) => new(FindingLevel.Warning, area, text, fix);

    public static Finding Missing(string area, string text, string fix) => new(FindingLevel.Missing, area, text, fix);

    /// <summary>The finding as a line, with the command that fixes it on the next.</summary>
    public override string ToString() =>
        $"{Level.ToString().ToLowerInvariant(),-8} {Area}: {Text}" + (Fix is null ? "" : $"\n         fix: {Fix}");
}

using Microsoft.Extensions.Options;

namespace YueService.Hosting;

/// <summary>Tells settings that are at fault from other reasons why a host does not start.</summary>
internal static class StartupFaults
{
    /// <summary>Every fault of the settings, or null when the exception is about something else.</summary>
    public static IReadOnlyList<string>? Of(Exception exception) => exception switch
    {
        OptionsValidationException invalid => [.. invalid.Failures],
        AggregateException { InnerExceptions: var all } when all.All(inner => inner is OptionsValidationException) =>
            [.. all.Cast<OptionsValidationException>().SelectMany(invalid => invalid.Failures)],
        _ => null,
    };
}

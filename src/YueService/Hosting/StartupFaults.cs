using Microsoft.Extensions.Options;

namespace YueService.Hosting;

/// <summary>Distinguishes invalid settings from other reasons why a host does not start.</summary>
internal static class StartupFaults
{
    /// <summary>Returns all errors in the settings, or null if the exception has another cause.</summary>
    public static IReadOnlyList<string>? Of(Exception exception) => exception switch
    {
        OptionsValidationException invalid => [.. invalid.Failures],
        AggregateException { InnerExceptions: var all } when all.All(inner => inner is OptionsValidationException) =>
            [.. all.Cast<OptionsValidationException>().SelectMany(invalid => invalid.Failures)],
        _ => null,
    };

    /// <summary>Runs a startup step that depends only on settings.</summary>
    /// <exception cref="StartException">The step failed for a reason that the validation of settings does not report.</exception>
    public static T Guard<T>(Func<T> step)
    {
        try
        {
            return step();
        }
        catch (Exception e) when (e is not HostAbortedException && Of(e) is null)
        {
            throw new StartException(
                $"yue cannot start: {string.Join(": ", Messages(e).Distinct())}. "
                    + "Correct appsettings.json, the environment or the command line.", e);
        }
    }

    private static IEnumerable<string> Messages(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            yield return exception.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');
        }
    }
}

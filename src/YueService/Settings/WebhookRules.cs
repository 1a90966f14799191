using Yue.Engine.Scheduling;

namespace YueService.Settings;

/// <summary>Checks the webhook settings. Messages do not repeat the secret.</summary>
internal sealed class WebhookRules(IConfiguration configuration) : OptionsRules<WebhookOptions>
{
    private static readonly string[] Names = [.. typeof(WebhookSettings).GetProperties().Select(property => property.Name)];

    protected override IEnumerable<string> Faults(WebhookOptions options)
    {
        foreach (var setting in configuration.GetSection($"{EngineOptions.Section}:{nameof(options.Webhooks)}").GetChildren()
            .Where(setting => !Names.Contains(setting.Key, StringComparer.OrdinalIgnoreCase)))
        {
            yield return ClosestName.Of(setting.Key, Names) is { } closest
                ? $"{setting.Path} is not a setting; the closest is Yue:Webhooks:{closest}."
                : $"{setting.Path} is not a setting; the settings are {string.Join(", ", Names.Select(name => $"Yue:Webhooks:{name}"))}.";
        }

        if (options.Webhooks is { Secret.Length: > 0, SecretFile.Length: > 0 })
        {
            yield return "Yue:Webhooks:Secret and Yue:Webhooks:SecretFile are both set; set only one of them.";
        }
        else if (options.AreEnabled() && FaultOf(options) is { } fault)
        {
            yield return fault;
        }
    }

    private static string? FaultOf(WebhookOptions options)
    {
        var name = options.Webhooks.Secret is { Length: > 0 } ? "Yue:Webhooks:Secret" : "Yue:Webhooks:SecretFile";
        try
        {
            return options.Key() is null
                ? $"{name} does not contain a secret: use whsec_ and 24 to 64 random bytes in base64, such as the output of "
                    + "echo \"whsec_$(openssl rand -base64 32)\"."
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{name} cannot be read: {e.Message}";
        }
    }
}

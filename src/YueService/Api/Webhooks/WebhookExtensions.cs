using YueService.Jobs.Webhooks;

namespace YueService.Api.Webhooks;

/// <summary>Registers the sender of webhooks.</summary>
internal static class WebhookExtensions
{
    public static void AddWebhooks(this IServiceCollection services)
    {
        services.AddSingleton<WebhookClient>();
        services.AddHostedService<WebhookService>();
    }
}

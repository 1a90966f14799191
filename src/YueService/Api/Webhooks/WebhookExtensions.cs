using YueService.Jobs.Webhooks;

namespace YueService.Api.Webhooks;

/// <summary>Registers the sender of webhooks.</summary>
internal static class WebhookExtensions
{
    /// <param name="services">The services.</param>
    /// <param name="sends">False if other processes send the webhooks.</param>
    public static void AddWebhooks(this IServiceCollection services, bool sends)
    {
        services.AddSingleton<WebhookClient>();
        if (sends)
        {
            services.AddHostedService<WebhookService>();
        }
    }
}

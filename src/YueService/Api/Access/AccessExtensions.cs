using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using YueService.Api.Errors;
using YueService.Jobs.Shared;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>Sets up API keys, allowed origins, rate limits and time limits.</summary>
internal static class AccessExtensions
{
    // The name of the timeout policy for callers that wait for a song.
    private const string Songs = "songs";

    // The response headers that a page may read, in addition to those that browsers always expose.
    private static readonly string[] ExposedHeaders =
    [
        HeaderNames.Location, HeaderNames.RetryAfter, HeaderNames.ETag, HeaderNames.ContentRange, HeaderNames.AcceptRanges,
        HeaderNames.ContentDisposition, "Preference-Applied", "Server-Timing",
    ];

    /// <summary>Adds the services that <see cref="UseAccess"/> needs.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="songHeaders">The headers that describe a song, which pages from allowed origins may read.</param>
    public static void AddAccess(this IServiceCollection services, IReadOnlyList<string> songHeaders)
    {
        // AddAuthentication would also add data protection, which writes its keys to the home folder and warns about them.
        services.AddAuthenticationCore(options =>
        {
            options.AddScheme<ApiKeyHandler>(ApiKeyHandler.SchemeName, displayName: null);
            options.DefaultScheme = ApiKeyHandler.SchemeName;
        });
        services.AddTransient<ApiKeyHandler>();
        services.AddSingleton<EndedSessions>();
        services.AddSingleton<SharedSessions>();
        services.AddHostedService(provider => provider.GetRequiredService<SharedSessions>());
        services.AddSingleton<IEndedSessions>(provider => provider.GetRequiredService<SharedSettings>().IsShared
            ? provider.GetRequiredService<SharedSessions>()
            : provider.GetRequiredService<EndedSessions>());
        services.AddSingleton<ApiKeys>();
        services.AddWebEncoders();
        services.AddAuthorization();
        services.AddOptions<AuthorizationOptions>().Configure<IOptions<AccessOptions>>(
            (authorization, access) => authorization.FallbackPolicy = access.Value.Keys().Count > 0 ? authorization.DefaultPolicy : null);
        services.AddRateLimiter(limiter => limiter.OnRejected = (context, _) => new(SongRateLimit.RejectAsync(context)));
        services.AddOptions<RateLimiterOptions>().Configure<SongRateLimit>((limiter, songs) => limiter.GlobalLimiter = songs.Limiter);
        services.AddSingleton<SongRateLimit>();
        services.AddCors();
        services.AddOptions<CorsOptions>().Configure<IOptions<AccessOptions>>((cors, access) => cors.AddDefaultPolicy(policy => policy
            .WithOrigins([.. access.Value.Origins()]).AllowAnyHeader().AllowAnyMethod()
            .WithExposedHeaders([.. ExposedHeaders, .. songHeaders]).SetPreflightMaxAge(TimeSpan.FromHours(1))));
        services.AddRequestTimeouts();
        services.AddOptions<RequestTimeoutOptions>().Configure<IOptions<AccessOptions>>((timeouts, access) =>
        {
            timeouts.DefaultPolicy = Policy(access.Value.RequestTimeoutSeconds);
            timeouts.AddPolicy(Songs, Policy(access.Value.SongTimeoutSeconds));
        });
    }

    /// <summary>Adds the middleware that checks requests before they reach the endpoints. CORS runs first because a preflight request has
    /// no key, and because pages from allowed origins must be able to read errors. If a key is set, it is required by every endpoint that
    /// does not allow anonymous callers.</summary>
    public static void UseAccess(this IApplicationBuilder app)
    {
        app.UseCors();
        app.UseMiddleware<WebPageGuard>();
        app.UseAuthentication();
        app.UseAuthorization();
        if (app.ApplicationServices.GetRequiredService<IOptions<AccessOptions>>().Value.RateLimitPerMinute > 0)
        {
            // This is added only if there is a limit, because the limiter's timer fires ten times per second.
            app.UseRateLimiter();
        }

        app.UseRequestTimeouts();
    }

    /// <summary>Marks an endpoint that makes a song, so that its requests count toward the rate limit.</summary>
    public static TBuilder MakesSongs<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new SongRateLimit.Counted());

    /// <summary>Marks an endpoint that makes a song while its caller waits, so that it also gets the time limit for songs.</summary>
    public static TBuilder WaitsForSong<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => (TBuilder)endpoint.MakesSongs().WithRequestTimeout(Songs);

    private static RequestTimeoutPolicy Policy(int seconds) => new()
    {
        Timeout = seconds == 0 ? null : TimeSpan.FromSeconds(seconds),
        TimeoutStatusCode = StatusCodes.Status504GatewayTimeout,
        WriteTimeoutResponse = http =>
            Problems.Create(
                http,
                ProblemType.Timeout,
                $"The response took more than {seconds} s. Request a job instead: POST /v1/songs.").ExecuteAsync(http),
    };
}

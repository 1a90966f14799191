using System.Reflection;

namespace YueService.Telemetry;

/// <summary>What the service calls itself in health answers and telemetry.</summary>
internal static class ServiceIdentity
{
    /// <summary>The service's name, as the old <c>/health</c> gave it.</summary>
    public const string Name = "yue";

    /// <summary>The release, such as <c>0.1.0</c>; the source revision is left out.</summary>
    public static string Version { get; } =
        typeof(ServiceIdentity).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];
}

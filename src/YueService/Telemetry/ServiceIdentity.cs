using System.Reflection;

namespace YueService.Telemetry;

/// <summary>The name and version of the service in health responses and telemetry.</summary>
internal static class ServiceIdentity
{
    /// <summary>The service's name, as in the old <c>/health</c>.</summary>
    public const string Name = "yue";

    /// <summary>The release, such as <c>0.1.0</c>; the source revision is left out.</summary>
    public static string Version { get; } =
        typeof(ServiceIdentity).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];
}

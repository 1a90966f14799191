using System.Reflection;

namespace YueService.Telemetry;

/// <summary>The name and version of the service in health responses and telemetry.</summary>
internal static class ServiceIdentity
{
    /// <summary>The service's name, the same as in <c>/health</c> of the earlier Python service.</summary>
    public const string Name = "yue";

    /// <summary>The release, such as <c>0.7.0</c>, or <c>0.7.0-alpha.0.12</c> for a commit before that release. The source revision is
    /// left out.</summary>
    public static string Version { get; } =
        typeof(ServiceIdentity).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];
}

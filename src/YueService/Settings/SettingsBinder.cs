using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;

namespace YueService.Settings;

/// <summary>Binds section <c>Yue</c> one setting at a time and records unreadable values, so that validation reports all errors
/// together.</summary>
internal sealed class SettingsBinder<TOptions>(IConfiguration configuration, UnreadableSettings<TOptions> unreadable)
    : IConfigureOptions<TOptions>
    where TOptions : class
{
    public void Configure(TOptions options)
    {
        foreach (var property in typeof(TOptions).GetProperties())
        {
            var setting = configuration.GetSection($"{EngineOptions.Section}:{property.Name}");
            if (!setting.Exists())
            {
                continue;
            }

            var alone = new ConfigurationBuilder()
                .AddInMemoryCollection(setting.AsEnumerable().Where(pair => pair.Value is not null))
                .Build();
            try
            {
                alone.GetSection(EngineOptions.Section).Bind(options);
            }
            catch (InvalidOperationException)
            {
                unreadable.Add($"{setting.Path} is '{setting.Value}', which is not {Describe(property.PropertyType)}.");
            }
        }
    }

    private static string Describe(Type type) =>
        type == typeof(bool) ? "true or false"
        : type == typeof(int) || type == typeof(long) ? "a whole number"
        : type == typeof(double) ? "a number"
        : "a valid value; docs/settings.md lists the valid ones";
}

using System.Collections;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using Yue.Engine.Separation;

namespace YueService.Settings;

/// <summary>Reads the settings from their sources and validates them.</summary>
internal static class SettingsExtensions
{
    private const string FileName = "appsettings.json";

    /// <summary>Adds the settings file of the working folder, then <c>YUE_…</c> variables, then the command line: the last one
    /// wins.</summary>
    /// <param name="configuration">The configuration, which already has the settings file of the program's own folder.</param>
    /// <param name="contentRoot">The program's own folder.</param>
    /// <param name="workingFolder">The current folder.</param>
    /// <param name="variables">The process's environment.</param>
    /// <param name="commandLine">Settings by their full key (<c>Yue:Device</c>).</param>
    public static void AddYueSettings(
        this IConfigurationBuilder configuration,
        string contentRoot,
        string workingFolder,
        IDictionary variables,
        IEnumerable<KeyValuePair<string, string?>> commandLine)
    {
        if (Path.GetFullPath(workingFolder) != Path.GetFullPath(contentRoot))
        {
            AddAfterFiles(configuration, Path.GetFullPath(FileName, workingFolder));
        }

        configuration.AddInMemoryCollection(EnvironmentSettings.Read(variables));
        configuration.AddInMemoryCollection(commandLine);
    }

    /// <summary>Binds the options and validates them so that all errors are reported together.</summary>
    public static void AddYueOptions(this IServiceCollection services)
    {
        services.AddChecked<EngineOptions, EngineOptionsValidator>();
        services.AddChecked<SeparatorOptions, SeparatorOptionsValidator>();
        services.AddChecked<ServiceOptions, ServiceOptionsValidator>();
        services.AddChecked<JobOptions, JobOptionsValidator>();
        services.AddChecked<StoreOptions, StoreOptionsValidator>();
        services.AddSingleton<IValidateOptions<StoreOptions>, StoreRules>();
        services.AddChecked<AccessOptions, AccessOptionsValidator>();
        services.AddChecked<WebhookOptions, WebhookRules>();
        services.AddSingleton<IValidateOptions<EngineOptions>, CheckpointRules>();
        services.AddSingleton<IValidateOptions<SeparatorOptions>, SeparatorRules>();
        services.AddSingleton<IValidateOptions<ServiceOptions>, SettingNameRules>();
        services.AddSingleton<IValidateOptions<AccessOptions>, AccessRules>();
        services.AddSingleton<IValidateOptions<ListenOptions>, ListenRules>();
        services.AddOptions<ListenOptions>()
            .Configure<IConfiguration>((options, configuration) => options.Urls = configuration[WebHostDefaults.ServerUrlsKey])
            .ValidateOnStart();
    }

    /// <summary>Validates all settings. The host does this too, but may read one options class before it has validated the
    /// others, and then reports only the errors of that class.</summary>
    /// <exception cref="OptionsValidationException">The options of one class are invalid.</exception>
    /// <exception cref="AggregateException">The options of several classes are invalid.</exception>
    public static void ValidateYueOptions(this IServiceProvider services) => services.GetRequiredService<IStartupValidator>().Validate();

    /// <summary>Adds a settings file after the others and before the environment, which the host has already added.</summary>
    private static void AddAfterFiles(IConfigurationBuilder configuration, string file)
    {
        var source = new JsonConfigurationSource { Path = file, Optional = true };
        source.ResolveFileProvider();
        var afterFiles = configuration.Sources.ToList().FindLastIndex(known => known is JsonConfigurationSource) + 1;
        configuration.Sources.Insert(afterFiles, source);
    }

    private static void AddChecked<TOptions, TValidator>(this IServiceCollection services)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddSingleton<UnreadableSettings<TOptions>>();
        services.AddSingleton<IValidateOptions<TOptions>>(provider => provider.GetRequiredService<UnreadableSettings<TOptions>>());
        services.AddSingleton<IConfigureOptions<TOptions>, SettingsBinder<TOptions>>();
        services.AddSingleton<IValidateOptions<TOptions>, TValidator>();
        services.AddOptions<TOptions>().ValidateOnStart();
    }
}

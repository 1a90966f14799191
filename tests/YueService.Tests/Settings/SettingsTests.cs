using System.Collections;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Settings;

public sealed class SettingsTests
{
    [Theory]
    [InlineData("YUE_QueueCapacity", "Yue:QueueCapacity")]
    [InlineData("YUE_QUEUE_CAPACITY", "Yue:QueueCapacity")]
    [InlineData("YUE_LOG_LYRICS", "Yue:LogLyrics")]
    [InlineData("YUE_Stage1__en", "Yue:Stage1:en")]
    [InlineData("YUE_STAGE1__en_cot", "Yue:Stage1:en_cot")]
    public void An_environment_variable_names_a_setting(string variable, string setting) =>
        Assert.Equal(
            [new(setting, "7")], EnvironmentSettings.Read(new Hashtable { [variable] = "7" }));

    [Theory]
    [InlineData("YUE_GOLDENS", "x")]
    [InlineData("YUE_CACHE", "x")]
    [InlineData("YUE_DEVICE", "")]
    [InlineData("OTHER_DEVICE", "x")]
    [InlineData("YUEDEVICE", "x")]
    public void Other_variables_and_empty_ones_are_left_alone(string variable, string value) =>
        Assert.Empty(EnvironmentSettings.Read(new Hashtable { [variable] = value }));

    [Fact]
    public void Of_the_places_that_have_a_setting_the_last_one_wins()
    {
        using var program = new TemporaryFolder();
        using var working = new TemporaryFolder();
        File.WriteAllText(program["appsettings.json"], """{"Yue":{"Device":"1","Stage2":"1","Codec":"1","Tokenizer":"1","LogFormat":"1"}}""");
        File.WriteAllText(working["appsettings.json"], """{"Yue":{"Stage2":"2","Codec":"2","Tokenizer":"2","LogFormat":"2"}}""");
        var configuration = Configure(
            program.Path,
            working.Path,
            environment: [new("Yue:Codec", "3"), new("Yue:Tokenizer", "3"), new("Yue:LogFormat", "3")],
            variables: new Hashtable { ["YUE_TOKENIZER"] = "4", ["YUE_LOG_FORMAT"] = "4" },
            commandLine: [new("Yue:LogFormat", "5")]);
        Assert.Equal(
            ["1", "2", "3", "4", "5"],
            new[] { "Device", "Stage2", "Codec", "Tokenizer", "LogFormat" }.Select(setting => configuration[$"Yue:{setting}"]));
    }

    [Fact]
    public void Checkpoint_folders_that_exist_are_taken()
    {
        using var folder = new TemporaryFolder();
        using var provider = Provide(
            new Hashtable { ["YUE_Stage1__en"] = folder.Path, ["YUE_STAGE2"] = folder.Path, ["YUE_CODEC"] = folder.Path },
            [new("Yue:Stage1:zh-cot", folder.Path)]);
        provider.ValidateYueOptions();
        var engine = provider.GetRequiredService<IOptions<EngineOptions>>().Value;
        Assert.Equal(["en", "zh-cot"], engine.Stage1.Keys);
        Assert.Equal((folder.Path, folder.Path), (engine.Stage2, engine.Codec));
    }

    [Fact]
    public void A_part_of_the_checkpoints_is_a_fault_in_either_direction()
    {
        using var folder = new TemporaryFolder();
        var withoutOthers = Faults(new Hashtable { ["YUE_Stage1__en"] = folder.Path });
        Assert.Equal(["Yue:Codec is missing", "Yue:Stage2 is missing"], withoutOthers.Select(fault => fault.Split(';')[0]).Order());
        var withoutStage1 = Faults(new Hashtable { ["YUE_STAGE2"] = folder.Path });
        Assert.Equal(["Yue:Stage2 is set but Yue:Stage1 is not"], withoutStage1.Select(fault => fault.Split(';')[0]));
    }

    [Theory]
    [InlineData("auto", true)]
    [InlineData("cpu", true)]
    [InlineData("cuda", true)]
    [InlineData("cuda:1", true)]
    [InlineData("cuda:", false)]
    [InlineData("cuda:x", false)]
    [InlineData("CPU", false)]
    [InlineData("cpu\n", false)]
    [InlineData("gpu", false)]
    public void A_device_is_auto_cpu_or_cuda_with_an_index(string device, bool valid) =>
        Assert.Equal(valid, Faults(new Hashtable { ["YUE_DEVICE"] = device }).Count == 0);

    private static List<string> Faults(IDictionary variables)
    {
        using var provider = Provide(variables, []);
        try
        {
            provider.ValidateYueOptions();
            return [];
        }
        catch (OptionsValidationException e)
        {
            return [.. e.Failures];
        }
    }

    private static ServiceProvider Provide(IDictionary variables, KeyValuePair<string, string?>[] commandLine)
    {
        var services = new ServiceCollection();
        services.AddSingleton(Configure(Path.GetTempPath(), Path.GetTempPath(), [], variables, commandLine));
        services.AddYueOptions();
        return services.BuildServiceProvider();
    }

    private static IConfiguration Configure(
        string contentRoot,
        string workingFolder,
        KeyValuePair<string, string?>[] environment,
        IDictionary variables,
        KeyValuePair<string, string?>[] commandLine)
    {
        var builder = new ConfigurationBuilder();
        builder.AddJsonFile(Path.Combine(contentRoot, "appsettings.json"), optional: true);
        builder.AddInMemoryCollection(environment);
        builder.AddYueSettings(contentRoot, workingFolder, variables, commandLine);
        return builder.Build();
    }
}

using System.Collections;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Separation;
using Yue.Engine.Settings;
using Yue.Testing;
using YueService.Settings;

namespace YueService.Tests.Settings;

public sealed class SettingsTests
{
    [Theory]
    [InlineData("YUE_QueueCapacity", "Yue:QueueCapacity")]
    [InlineData("YUE_QUEUE_CAPACITY", "Yue:QueueCapacity")]
    [InlineData("YUE_LOG_LYRICS", "Yue:LogLyrics")]
    [InlineData("YUE_Stage1__en", "Yue:Stage1:en")]
    [InlineData("YUE_STAGE1__en_cot", "Yue:Stage1:en_cot")]
    public void An_environment_variable_sets_a_setting(string variable, string setting) =>
        Assert.Equal(
            [new(setting, "7")], EnvironmentSettings.Read(new Hashtable { [variable] = "7" }));

    [Fact]
    public void One_variable_can_set_stage_1_models_with_any_name() => Assert.Equal(
        [new("Yue:Stage1:en-cot", "/a b"), new("Yue:Stage1:zh-cot", "/c=d"), new("Yue:Stage1:nofolder", "")],
        EnvironmentSettings.Read(new Hashtable { ["YUE_STAGE1"] = "en-cot=/a b; zh-cot=/c=d;;nofolder" }));

    [Fact]
    public void One_variable_can_set_LoRA_adapters() => Assert.Equal(
        [new("Yue:Lora:mine", "/a"), new("Yue:Lora:b-2", "/c")],
        EnvironmentSettings.Read(new Hashtable { ["YUE_LORA"] = "mine=/a;b-2=/c" }));

    [Theory]
    [InlineData("YUE_GOLDENS", "x")]
    [InlineData("YUE_CACHE", "x")]
    [InlineData("YUE_DEVICE", "")]
    [InlineData("OTHER_DEVICE", "x")]
    [InlineData("YUEDEVICE", "x")]
    public void Other_variables_and_empty_ones_are_ignored(string variable, string value) =>
        Assert.Empty(EnvironmentSettings.Read(new Hashtable { [variable] = value }));

    [Theory]
    [InlineData("YUE_QUEU_CAPACITY", "YUE_QUEUE_CAPACITY")]
    [InlineData("YUE_DEVISE", "YUE_DEVICE")]
    [InlineData("YUE_STAGE3__en", "YUE_STAGE1")]
    public void An_unknown_variable_is_reported_with_the_closest_known_one(string variable, string closest) =>
        Assert.Equal([(variable, closest)], EnvironmentSettings.Unknown(new Hashtable { [variable] = "3", ["YUE_DEVICE"] = "cpu" }));

    [Theory]
    [InlineData("YUE_CACHE")]
    [InlineData("YUE_GOLDENS")]
    [InlineData("YUE_PORT_2008_TCP_ADDR")]
    [InlineData("YUE_SERVICE_HOST")]
    [InlineData("YUEDEVICE")]
    [InlineData("YUE_STAGE1__en_cot")]
    public void Known_variables_and_those_of_other_programs_are_not_reported(string variable) =>
        Assert.Empty(EnvironmentSettings.Unknown(new Hashtable { [variable] = "x" }));

    [Fact]
    public void The_last_source_that_has_a_setting_wins()
    {
        using var program = new TemporaryFolder();
        using var working = new TemporaryFolder();
        File.WriteAllText(
            program["appsettings.json"], """{"Yue":{"Device":"1","Stage2":"1","Codec":"1","Tokenizer":"1","LogFormat":"1"}}""");
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
    public void Checkpoint_folders_that_exist_are_accepted()
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
    public void An_incomplete_set_of_checkpoints_is_an_error()
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
    public void A_device_is_auto_cpu_or_cuda_with_or_without_an_index(string device, bool valid) =>
        Assert.Equal(valid, Faults(new Hashtable { ["YUE_DEVICE"] = device }).Count == 0);

    [Theory]
    [InlineData("f32", "f32", null)]
    [InlineData("int8", "fp8", null)]
    [InlineData("f32", "bf16", "set both to f32, or neither")]
    [InlineData("bf16", "f32", "set both to f32, or neither")]
    [InlineData("fp16", "bf16", "Yue:Weights is 'fp16'; it must be bf16, int8, fp8, int6, int4, f32")]
    public void Weights_and_cache_are_both_float32_or_neither_is(string weights, string cache, string? fault)
    {
        var faults = Faults(new Hashtable { ["YUE_WEIGHTS"] = weights, ["YUE_KEY_VALUE_CACHE"] = cache });
        if (fault is null)
        {
            Assert.Empty(faults);
        }
        else
        {
            Assert.Contains(fault, Assert.Single(faults), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("YUE_ALLOWED_HOSTS", "yue.example, *.studio.example", null)]
    [InlineData("YUE_ALLOWED_HOSTS", "https://yue.example", "write host names without a scheme or port")]
    [InlineData("YUE_ALLOWED_HOSTS", "yue.example:2008", "write host names without a scheme or port")]
    [InlineData("YUE_ALLOWED_HOSTS", "*", "Yue:AllowedHosts contains '*'")]
    [InlineData("YUE_CORS_ORIGINS", "https://app.example,http://localhost:3000", null)]
    [InlineData("YUE_CORS_ORIGINS", "https://app.example/", "write origins as browsers send them")]
    [InlineData("YUE_CORS_ORIGINS", "https://App.example", "write origins as browsers send them")]
    [InlineData("YUE_CORS_ORIGINS", "app.example", "Yue:CorsOrigins contains 'app.example'")]
    [InlineData("YUE_CORS_ORIGINS", "null", "Yue:CorsOrigins contains 'null'")]
    [InlineData("YUE_CORS_ORIGINS", "*", "Yue:CorsOrigins contains '*'")]
    public void Host_names_and_origins_are_checked_at_startup(string variable, string value, string? message)
    {
        var faults = Faults(new Hashtable { [variable] = value });
        Assert.Equal(message is null ? 0 : 1, faults.Count);
        Assert.Contains(message ?? "", string.Join('\n', faults), StringComparison.Ordinal);
    }

    [Fact]
    public void A_separator_of_the_right_shape_is_accepted_and_others_are_errors()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["good.onnx"], OnnxGraph.Identity(1, 4, 1025, 16));
        File.WriteAllBytes(folder["bad.onnx"], OnnxGraph.Identity(1, 2, 1025, 16));
        List<string> Separator(string file, string fftSize = "2048", string stem = "vocal") => Faults(
            new Hashtable { ["YUE_SEPARATOR"] = folder[file], ["YUE_SEPARATOR_FFT_SIZE"] = fftSize, ["YUE_SEPARATOR_STEM"] = stem });

        Assert.Empty(Separator("good.onnx"));
        Assert.Contains("[1, 2, 1025, 16]", Assert.Single(Separator("bad.onnx")), StringComparison.Ordinal);
        Assert.Contains("there is no such file", Assert.Single(Separator("none.onnx")), StringComparison.Ordinal);
        Assert.Contains("Yue:SeparatorFftSize is 3", Assert.Single(Separator("good.onnx", fftSize: "3")), StringComparison.Ordinal);
        Assert.Contains("vocal or instrumental", Assert.Single(Separator("good.onnx", stem: "drums")), StringComparison.Ordinal);
    }

    public static TheoryData<string, long, bool> NumbersAtTheirBounds()
    {
        var data = new TheoryData<string, long, bool>();
        foreach (var setting in Numbers())
        {
            var range = setting.GetCustomAttribute<SettingRangeAttribute>()!;
            data.Add(setting.Name, range.Min, true);
            data.Add(setting.Name, range.Max, true);
            data.Add(setting.Name, range.Min - 1, range.OrZero && range.Min == 1);
            data.Add(setting.Name, range.Max + 1, false);
            data.Add(setting.Name, 0, range.OrZero || range.Min <= 0);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(NumbersAtTheirBounds))]
    public void A_number_out_of_bounds_is_named_with_its_value_and_bounds(string setting, long value, bool isValid)
    {
        var range = Numbers().Single(property => property.Name == setting).GetCustomAttribute<SettingRangeAttribute>()!;
        var text = value.ToString(CultureInfo.InvariantCulture);
        string[] expected = isValid
            ? []
            : [$"Yue:{setting} is {text}; it must be {(range.OrZero ? "0, or " : "")}{range.Min} to {range.Max}."];
        Assert.Equal(expected, Faults(new Hashtable { ["YUE_" + setting] = text }));
    }

    [Fact]
    public void Every_whole_number_has_bounds_and_every_setting_is_declared_once()
    {
        var numbers = OptionsTypes.SelectMany(type => type.GetProperties())
            .Where(property => property.PropertyType == typeof(int) || property.PropertyType == typeof(long))
            .Select(property => property.Name);
        Assert.Equal(["SeparatorFftSize"], numbers.Except(Numbers().Select(property => property.Name)));    // it must also be even
        var settings = OptionsTypes.SelectMany(type => type.GetProperties()).Select(property => property.Name).ToList();
        Assert.Equal(settings.Distinct(StringComparer.OrdinalIgnoreCase), settings);
        Assert.Equal(settings.Order(StringComparer.Ordinal), SettingNames.All.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Errors_from_attributes_and_rules_are_reported_together()
    {
        var faults = Faults(new Hashtable
        {
            ["YUE_DEVICE"] = "gpu",
            ["YUE_TOKENIZER"] = "/no/such/file",
            ["YUE_STEP_TIMEOUT_SECONDS"] = "soon",
            ["YUE_WEIGHTS"] = "fp16",
        });
        Assert.Equal(
            [
                "Yue:Device is 'gpu'; it must be auto, cpu, cuda, or cuda with an index such as cuda:1.",
                "Yue:StepTimeoutSeconds is 'soon', which is not a whole number.",
                "Yue:Tokenizer is '/no/such/file', but there is no such file.",
                "Yue:Weights is 'fp16'; it must be bf16, int8, fp8, int6, int4, f32.",
            ],
            faults.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_blank_folder_and_an_unknown_log_format_are_errors()
    {
        Assert.Equal(["Yue:StateFolder is ' '; it must be a folder."], Faults(new Hashtable { ["YUE_STATE_FOLDER"] = " " }));
        Assert.Equal(["Yue:LogFormat is 'xml'; it must be console or json."], Faults(new Hashtable { ["YUE_LOG_FORMAT"] = "xml" }));
    }

    private static readonly Type[] OptionsTypes =
    [
        typeof(EngineOptions), typeof(SeparatorOptions), typeof(ServiceOptions), typeof(JobOptions), typeof(AccessOptions),
        typeof(WebhookOptions), typeof(StoreOptions),
    ];

    private static IEnumerable<PropertyInfo> Numbers() =>
        OptionsTypes.SelectMany(type => type.GetProperties()).Where(property => property.IsDefined(typeof(SettingRangeAttribute)));

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

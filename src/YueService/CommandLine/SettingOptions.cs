using System.CommandLine;
using System.Text.RegularExpressions;
using Yue.Engine.Scheduling;
using YueService.Hosting;
using YueService.Settings;

namespace YueService.CommandLine;

/// <summary>The options for settings in section <c>Yue</c>. All commands have these options, which override all other sources.</summary>
internal sealed partial class SettingOptions
{
    private readonly Option<string[]> _stage1 = Folders(
        "--stage1", "A checkpoint and the name that requests use for it; can be repeated");

    private readonly Option<string[]> _lora = Folders(
        "--lora", "A LoRA adapter and its name, for a model named CHECKPOINT+NAME; can be repeated");

    private readonly Option<string?> _stage2 = Folder("--stage2", "The stage-2 checkpoint of YuE 1");

    private readonly Option<string?> _codec = Folder("--codec", "The codec of YuE 1 with its vocoders (xcodec_mini_infer)");
    private readonly Option<string?> _vae = Folder("--vae", "YuE 2's sound decoder (YuE2-Vae)");

    private readonly Option<string?> _tokenizer = new("--tokenizer")
    {
        HelpName = "FILE",
        Description = "The SentencePiece model, if it is not tokenizer.model in the stage-1 folder",
        Recursive = true,
    };

    private readonly Option<string?> _cacheFolder = Folder(
        "--cache-folder", "The folder for files that can be recreated, such as compiled kernels");

    private readonly Option<string?> _device = new("--device")
    {
        HelpName = "auto|cpu|cuda[:N]",
        Description = "The device to run on",
        Recursive = true,
    };

    private readonly Option<string?> _queueCapacity = new("--queue-capacity")
    {
        HelpName = "N",
        Description = "The maximum number of waiting songs",
        Recursive = true,
    };

    public SettingOptions(Command root)
    {
        foreach (var option in new Option[] { _stage1, _lora, _stage2, _codec, _vae, _tokenizer, _cacheFolder, _device, _queueCapacity })
        {
            root.Options.Add(option);
        }
    }

    /// <summary>Returns whether an argument sets a setting by its full name.</summary>
    public static bool IsSetting(string token) => SettingArgument().IsMatch(token) || HostArgument().IsMatch(token);

    /// <summary>Returns whether an argument is a setting's full name without a value.</summary>
    public static bool LacksValue(string token) => !IsSetting(token) && IsSetting(token + "=");

    /// <summary>Returns the settings of a command line.</summary>
    public HostSettings Read(ParseResult line)
    {
        var values = new List<KeyValuePair<string, string?>>();
        var hostArguments = new List<string>();
        foreach (var token in line.UnmatchedTokens)
        {
            if (SettingArgument().Match(token) is { Success: true } setting)
            {
                values.Add(new(setting.Groups["key"].Value, setting.Groups["value"].Value));
            }
            else if (HostArgument().IsMatch(token))
            {
                hostArguments.Add(token);
            }
        }

        AddAll(nameof(EngineOptions.Stage1), line.GetValue(_stage1));
        AddAll(nameof(EngineOptions.Lora), line.GetValue(_lora));
        Add(nameof(EngineOptions.Stage2), line.GetValue(_stage2));
        Add(nameof(EngineOptions.Codec), line.GetValue(_codec));
        Add(nameof(EngineOptions.Vae), line.GetValue(_vae));
        Add(nameof(EngineOptions.Tokenizer), line.GetValue(_tokenizer));
        Add(nameof(EngineOptions.CacheFolder), line.GetValue(_cacheFolder));
        Add(nameof(EngineOptions.Device), line.GetValue(_device));
        Add(nameof(JobOptions.QueueCapacity), line.GetValue(_queueCapacity));
        return new(values, hostArguments);

        void AddAll(string setting, string[]? folders)
        {
            foreach (var parts in (folders ?? []).Select(folder => folder.Split('=', 2)))
            {
                Add($"{setting}:{parts[0]}", parts[1]);
            }
        }

        void Add(string setting, string? value)
        {
            if (value is not null)
            {
                values.Add(new($"{EngineOptions.Section}:{setting}", value));
            }
        }
    }

    private static Option<string[]> Folders(string name, string description)
    {
        var option = new Option<string[]>(name) { HelpName = "NAME=FOLDER", Description = description, Recursive = true };
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf('=', StringComparison.Ordinal) < 1))
            {
                result.AddError($"{name} is '{token.Value}'; write NAME=FOLDER.");
            }
        });
        return option;
    }

    private static Option<string?> Folder(string name, string description) => new(name)
    {
        HelpName = "FOLDER",
        Description = description,
        Recursive = true,
    };

    // Any setting in any section: --Yue:LogFormat=json, --Serilog:MinimumLevel:Default=Debug.
    [GeneratedRegex(@"^--(?<key>\w+(:[\w.+-]+)+)=(?<value>.*)\z", RegexOptions.Singleline)]
    private static partial Regex SettingArgument();

    [GeneratedRegex("^--(environment|contentRoot|applicationName)=", RegexOptions.IgnoreCase)]
    private static partial Regex HostArgument();
}

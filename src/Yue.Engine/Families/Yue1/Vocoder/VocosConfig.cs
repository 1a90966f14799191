using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue1.Vocoder;

/// <summary>The vocoder's dimensions, from <c>decoders/config.yaml</c> (docs/model.md section 6).</summary>
public sealed record VocosConfig
{
    private const string Backbone = "backbone.init_args";
    private const string Head = "head.init_args";

    /// <summary>The number of channels of the input, which is the codec's summed embedding.</summary>
    public required int InputChannels { get; init; }

    /// <summary>Width of the blocks.</summary>
    public required int Channels { get; init; }

    /// <summary>Width inside a block.</summary>
    public required int IntermediateChannels { get; init; }

    /// <summary>L, the number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The length of the inverse Fourier transform in samples; even.</summary>
    public required int FftSamples { get; init; }

    /// <summary>The number of samples from one frame to the next; even, and at most the transform's length.</summary>
    public required int HopSamples { get; init; }

    /// <summary>Reads the config of a codec folder; throws <see cref="CheckpointException"/> if a value is missing or not
    /// supported.</summary>
    public static VocosConfig Load(string codecFolder)
    {
        var yaml = YamlConfig.Read(Path.Combine(codecFolder, "decoders", "config.yaml"));
        yaml.Expect("backbone.class_path", "vocos.models.VocosBackbone");
        yaml.Expect("head.class_path", "vocos.heads.ISTFTHead");
        yaml.Expect($"{Head}.padding", "same");
        var config = new VocosConfig
        {
            InputChannels = yaml.Positive($"{Backbone}.input_channels"),
            Channels = yaml.Positive($"{Backbone}.dim"),
            IntermediateChannels = yaml.Positive($"{Backbone}.intermediate_dim"),
            Layers = yaml.Positive($"{Backbone}.num_layers"),
            FftSamples = yaml.Positive($"{Head}.n_fft"),
            HopSamples = yaml.Positive($"{Head}.hop_length"),
        };
        yaml.Expect($"{Head}.dim", $"{config.Channels}");
        if (config.FftSamples % 2 != 0)
        {
            throw yaml.Unsupported($"{Head}.n_fft", $"{config.FftSamples}", "an even number");
        }

        return config.HopSamples <= config.FftSamples && config.HopSamples % 2 == 0
            ? config
            : throw yaml.Unsupported($"{Head}.hop_length", $"{config.HopSamples}", $"an even number of at most n_fft, {config.FftSamples}");
    }
}

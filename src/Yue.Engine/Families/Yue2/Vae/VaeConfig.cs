using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue2.Vae;

/// <summary>The dimensions of the sound decoder, from its config.json (docs/model-yue2.md 7.1).</summary>
public sealed record VaeConfig
{
    private const string FileName = "config.json";
    private const string Decoder = "decoder_config";

    /// <summary>The sample rate in Hz.</summary>
    public required int SampleRateHz { get; init; }

    /// <summary>The size of a latent frame.</summary>
    public required int LatentSize { get; init; }

    /// <summary>The number of channels of the sound.</summary>
    public required int SoundChannels { get; init; }

    /// <summary>The number of channels before the first block, and after each block.</summary>
    public required IReadOnlyList<int> Channels { get; init; }

    /// <summary>The stride of each block, from the first to the last.</summary>
    public required IReadOnlyList<int> Strides { get; init; }

    /// <summary>The number of samples per frame.</summary>
    public int FrameSamples => Strides.Aggregate(1, (product, stride) => product * stride);

    /// <summary>The number of weights of the decoder, not counting the biases and the two numbers per channel of each
    /// activation.</summary>
    public long Parameters
    {
        get
        {
            const long EdgeKernel = 7;
            const long UnitWeights = 3 * (7 + 1);           // the weights of three residual units, per pair of channels
            var parameters = EdgeKernel * ((LatentSize * (long)Channels[0]) + (Channels[^1] * (long)SoundChannels));
            for (var i = 0; i < Strides.Count; i++)
            {
                var (inputs, outputs) = ((long)Channels[i], (long)Channels[i + 1]);
                parameters += (2 * Strides[i] * inputs * outputs) + (UnitWeights * outputs * outputs);
            }

            return parameters;
        }
    }

    /// <summary>Reads the <c>config.json</c> file of a decoder's folder.</summary>
    /// <exception cref="CheckpointException">A value is missing or not supported.</exception>
    public static VaeConfig Load(string folder)
    {
        using var json = JsonConfig.Read(Path.Combine(folder, FileName));
        json.Expect("model_type", "yue2_vae");
        RefuseUnsupported(json);
        var (multiples, strides) = (json.PositiveList($"{Decoder}.c_mults"), json.PositiveList($"{Decoder}.strides"));
        if (multiples.Length != strides.Length)
        {
            throw json.Unsupported($"{Decoder}.c_mults", $"{strides.Length} numbers, as many as strides has");
        }

        var channels = json.Positive($"{Decoder}.channels");
        var config = new VaeConfig
        {
            SampleRateHz = json.Positive("sample_rate"),
            LatentSize = json.Positive("latent_dim"),
            SoundChannels = json.Positive("audio_channels"),
            Channels = [.. multiples.Reverse().Append(1).Select(multiple => multiple * channels)],
            Strides = [.. strides.Reverse()],
        };
        json.Expect("downsampling_ratio", config.FrameSamples);
        json.Expect($"{Decoder}.latent_dim", config.LatentSize);
        json.Expect($"{Decoder}.out_channels", config.SoundChannels);
        return config;
    }

    private static void RefuseUnsupported(JsonConfig json)
    {
        json.Expect($"{Decoder}.use_snake", true);
        json.Expect($"{Decoder}.snake_type", "vanilla");
        json.Expect($"{Decoder}.use_filter", false);
        json.Expect($"{Decoder}.final_tanh", false);
        json.Expect($"{Decoder}.antialias_activation", false);
        json.Expect($"{Decoder}.use_nearest_upsample", false);
    }
}

using System.Numerics;
using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>The codec's dimensions, from <c>final_ckpt/config.yaml</c> (docs/model.md section 4).</summary>
public sealed record CodecConfig
{
    private const string Root = "generator.config";

    /// <summary>The number of channels of the encoder's output and of the decoder's input (<c>D</c>).</summary>
    public required int LatentChannels { get; init; }

    /// <summary>The strides of the encoder's blocks, in order; the decoder uses the same order.</summary>
    public required IReadOnlyList<int> Ratios { get; init; }

    /// <summary>The sample rate of the input and the output in Hz.</summary>
    public required int SampleRateHz { get; init; }

    /// <summary>The number of codes per codebook; a power of two.</summary>
    public required int CodebookSize { get; init; }

    /// <summary>The bandwidths the codec was trained for, ascending, in kbit/s.</summary>
    public required IReadOnlyList<double> BandwidthsKbps { get; init; }

    /// <summary>Samples per frame.</summary>
    public int HopSamples => Ratios.Aggregate(1, (product, ratio) => product * ratio);

    /// <summary>Frames per second.</summary>
    public int FrameRateHz => SampleRateHz / HopSamples;

    /// <summary>Q, the number of codebooks of the checkpoint: as many as the largest bandwidth allows.</summary>
    public int Codebooks => CodebooksFor(BandwidthsKbps[^1]);

    /// <summary>Returns the number of codebooks that a bandwidth allows, at least one.</summary>
    public int CodebooksFor(double bandwidthKbps) =>
        Math.Max(1, (int)Math.Floor(1000 * bandwidthKbps / (FrameRateHz * BitOperations.Log2((uint)CodebookSize))));

    /// <summary>Reads the config of a codec folder.</summary>
    /// <exception cref="CheckpointException">A value is missing or not supported.</exception>
    public static CodecConfig Load(string codecFolder)
    {
        var yaml = YamlConfig.Read(Path.Combine(codecFolder, "final_ckpt", "config.yaml"));
        yaml.Expect("generator.name", "SoundStream");
        var config = new CodecConfig
        {
            LatentChannels = yaml.Positive($"{Root}.D"),
            Ratios = yaml.PositiveList($"{Root}.ratios"),
            SampleRateHz = yaml.Positive($"{Root}.sample_rate"),
            CodebookSize = yaml.Positive($"{Root}.bins"),
            BandwidthsKbps = yaml.PositiveNumbers($"{Root}.target_bandwidths"),
        };
        var hop = config.Ratios.Aggregate(1.0, (product, ratio) => product * ratio);
        if (hop > config.SampleRateHz || config.SampleRateHz % config.HopSamples != 0)
        {
            throw yaml.Unsupported(
                $"{Root}.ratios", string.Join(", ", config.Ratios),
                $"strides whose product divides the sample rate, {config.SampleRateHz}");
        }

        if (!BitOperations.IsPow2(config.CodebookSize) || config.CodebookSize == 1)
        {
            throw yaml.Unsupported($"{Root}.bins", $"{config.CodebookSize}", "a power of two above 1");
        }

        return config.BandwidthsKbps.Zip(config.BandwidthsKbps.Skip(1)).All(pair => pair.First < pair.Second)
            && config.BandwidthsKbps[^1] <= 1000
            ? config
            : throw yaml.Unsupported(
                $"{Root}.target_bandwidths", string.Join(", ", config.BandwidthsKbps), "ascending values of at most 1000 kbit/s");
    }
}

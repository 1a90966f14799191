using TorchSharp;
using Xunit;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Layers;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Codec;

/// <summary>Builds the models at their published sizes, without values, and checks that they read the tensors of the real files
/// (docs/model.md 5.10, 6).</summary>
public sealed class FullSizeShapeTests
{
    private static readonly CodecConfig Config = new()
    {
        LatentChannels = 256,
        Ratios = [8, 5, 4, 2],
        SampleRateHz = 16000,
        CodebookSize = 1024,
        BandwidthsKbps = [0.5, 1, 1.5, 2, 4, 6],
    };

    private static readonly HubertConfig Hubert = new()
    {
        HiddenSize = 768,
        Layers = 12,
        Heads = 12,
        IntermediateSize = 3072,
        ConvChannels = [512, 512, 512, 512, 512, 512, 512],
        ConvKernels = [10, 3, 3, 3, 3, 2, 2],
        ConvStrides = [5, 2, 2, 2, 2, 2, 2],
        PositionKernel = 128,
        PositionGroups = 16,
        LayerNormEpsilon = 1e-5,
    };

    private static readonly VocosConfig Vocoder = new()
    {
        InputChannels = 1024,
        Channels = 512,
        IntermediateChannels = 1536,
        Layers = 8,
        FftSamples = 3528,
        HopSamples = 882,
    };

    [Fact]
    public void The_codec_reads_every_tensor_but_the_documented_unused_ones()
    {
        var table = CodecShapes();
        using var decoder = new CodecDecoder(table, Config);
        using var encoder = new CodecEncoder(table, Config, Hubert);

        string[] unused = ["decoder_semantic.", "fc_post1.", "semantic_model.masked_spec_embed"];
        string[] training = ["embed_avg", "cluster_size", "inited"];
        static bool IsOneOf(string name, string[] starts, string[] ends) =>
            starts.Any(start => name.StartsWith(start, StringComparison.Ordinal))
            || (name.StartsWith("quantizer.", StringComparison.Ordinal)
                && ends.Any(end => name.EndsWith("." + end, StringComparison.Ordinal)));
        Assert.All(table.Unread, name => Assert.True(IsOneOf(name, unused, training), $"{name} is not read"));
        Assert.All(table.ReadNames, name => Assert.False(IsOneOf(name, unused, training), $"{name} is read"));
        Assert.Equal(530, table.Unread.Count() + table.ReadNames.Count());
        Assert.Equal(14 + 2 + 1 + (3 * 12), table.Unread.Count());
        Assert.Equal((1024, 320, 11), (decoder.Channels, decoder.FrameSamples, decoder.ContextFrames));
    }

    [Fact]
    public void The_frame_counts_of_2000_random_lengths_match_the_published_formulas()
    {
        using var encoder = new CodecEncoder(CodecShapes(), Config, Hubert);
        var random = new Random(7);
        Assert.All(Enumerable.Range(0, 2000).Select(_ => random.Next(10_000_000)), samples =>
        {
            Assert.Equal((samples + 8) / 320, encoder.AcousticFrames(samples));
            Assert.Equal((samples + 240) / 320, encoder.FrameCount(samples));
        });
    }

    [Fact]
    public void Decoding_reads_only_the_codebooks_the_projection_and_the_decoder()
    {
        var table = CodecShapes();
        using var decoder = new CodecDecoder(table, Config);
        string[] roots = [.. table.ReadNames.Select(name => name.Split('.')[0]).Distinct()];
        Assert.Equal(["decoder_2", "fc_post2", "quantizer"], roots);
        Assert.Equal(119 + 2 + 12, table.ReadNames.Count());
    }

    [Fact]
    public void A_vocoder_reads_every_tensor()
    {
        var table = ShapeTable.FromLines(File.ReadLines(Fixture("vocos_shapes.txt")));
        using var vocoder = new Vocos(table, Vocoder);
        Assert.Empty(table.Unread);
        Assert.Equal(81, table.ReadNames.Count());
        Assert.Equal((882, 29), (vocoder.FrameSamples, vocoder.ContextFrames));
    }

    [Fact]
    public void An_error_about_a_config_that_contradicts_the_checkpoint_names_a_tensor()
    {
        var wrongLatent = Assert.Throws<CheckpointException>(() => new CodecDecoder(CodecShapes(), Config with { LatentChannels = 128 }));
        var wrongRatio = Assert.Throws<CheckpointException>(() => new CodecDecoder(CodecShapes(), Config with { Ratios = [8, 5, 2, 4] }));
        var tooManyLayers = Assert.Throws<CheckpointException>(() => new CodecEncoder(CodecShapes(), Config, Hubert with { Layers = 13 }));
        Assert.Contains("fc_post2.weight", wrongLatent.Message, StringComparison.Ordinal);
        Assert.Contains("decoder_2.model.3.block.1", wrongRatio.Message, StringComparison.Ordinal);
        Assert.Contains("semantic_model.encoder.layers.12", tooManyLayers.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_are_not_float32_are_refused()
    {
        var table = ShapeTable.FromJson(File.ReadAllText(Fixture("codec_shapes.json")), ScalarType.BFloat16);
        Assert.Contains(
            "BFloat16", Assert.Throws<ArgumentException>(() => new CodecDecoder(table, Config)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_frees_its_weights_even_if_it_could_not_be_created()
    {
        using var scope = NewDisposeScope();
        var statistics = DisposeScopeManager.Statistics;
        var before = statistics.ThreadTotalLiveCount;
        new CodecDecoder(CodecShapes(), Config).Dispose();
        Assert.Throws<CheckpointException>(() => new CodecDecoder(CodecShapes(), Config with { LatentChannels = 128 }));
        Assert.Equal(0, scope.DisposablesCount);
        Assert.Equal(before, statistics.ThreadTotalLiveCount);
    }

    private static ShapeTable CodecShapes() => ShapeTable.FromJson(File.ReadAllText(Fixture("codec_shapes.json")));

    /// <summary>Returns the path of a file in the Fixtures folder.</summary>
    private static string Fixture(string name)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "YueService.sln")))
            {
                return Path.Combine(folder.FullName, "tests", "Yue.Engine.Tests", "Fixtures", name);
            }
        }

        throw new DirectoryNotFoundException($"no YueService.sln above {AppContext.BaseDirectory}");
    }
}

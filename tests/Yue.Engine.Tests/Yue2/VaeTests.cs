using Xunit;
using Yue.Engine.Families.Yue2.Vae;
using Yue.Engine.Tests.Weights;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Yue2;

[Trait("Category", Yue2Goldens.Category)]
public sealed class VaeTests : IDisposable
{
    private const double Tolerance = 2e-5;

    private static readonly string File = Yue2Goldens.PathOf("vae", "expected.safetensors");

    private readonly VaeDecoder _decoder = LoadDecoder();

    public void Dispose() => _decoder.Dispose();

    [Theory]
    [InlineData("one")]
    [InlineData("whole")]
    [InlineData("tiled")]
    public void Sound_decoded_in_one_piece_equals_the_reference(string name)
    {
        using var scope = NewDisposeScope();
        TensorAssert.Close(Read($"{name}.wav"), _decoder.Decode(Read($"{name}.latents")), Tolerance);
    }

    [Theory]
    [InlineData(1, 12)]
    [InlineData(7, 12)]
    [InlineData(16, 16)]
    [InlineData(1024, 16)]
    public void Sound_decoded_in_tiles_of_any_size_equals_the_reference(int coreFrames, int haloFrames)
    {
        using var scope = NewDisposeScope();
        var latents = Read("tiled.latents");
        var tiles = VaeTiles.Decode(_decoder, latents, coreFrames, haloFrames).ToArray();
        Assert.Equal((latents.shape[0] + coreFrames - 1) / coreFrames, tiles.Length);
        TensorAssert.Close(Read("tiled.wav"), cat(tiles, 1), Tolerance);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_early_layer_equals_the_reference(int layer)
    {
        using var scope = NewDisposeScope();
        var latents = Read("whole.latents").narrow(0, 0, 5);
        TensorAssert.Close(Read($"stage{layer}"), _decoder.Forward(latents, layer + 1).squeeze(0), Tolerance);
    }

    [Fact]
    public void A_song_has_1920_samples_per_frame_minus_64_at_the_end()
    {
        Assert.Equal(1920, _decoder.Config.FrameSamples);
        Assert.Equal((1920 * 33) - 64, _decoder.SampleCount(33));
    }

    [Fact]
    public void A_halo_that_is_too_narrow_is_refused()
    {
        using var latents = zeros(3, _decoder.Config.LatentSize);
        Assert.Throws<ArgumentOutOfRangeException>(() => VaeTiles.Decode(_decoder, latents, 8, VaeTiles.MinHaloFrames - 1));
    }

    [Fact]
    public void Samples_that_are_not_finite_fail_the_song()
    {
        using var latents = full([3, _decoder.Config.LatentSize], float.NaN);
        Assert.Throws<Yue.Engine.Songs.SongException>(() => VaeTiles.Decode(_decoder, latents).Count());
    }

    [Theory]
    [InlineData("\"strides\": [2, 2, 4, 4, 5, 7]", "downsampling_ratio")]
    [InlineData("\"snake_type\": \"other\"", "decoder_config.snake_type")]
    [InlineData("\"antialias_activation\": true", "decoder_config.antialias_activation")]
    [InlineData("\"latent_dim\": 32", "decoder_config.latent_dim")]
    public void A_config_that_is_not_supported_causes_an_error_that_names_the_key(string value, string named)
    {
        var folder = Directory.CreateTempSubdirectory("yue2-vae-").FullName;
        try
        {
            var config = System.IO.File.ReadAllText(Yue2Goldens.PathOf("YuE2-Vae", "config.json"));
            var at = config.IndexOf("\"decoder_config\": {", StringComparison.Ordinal) + "\"decoder_config\": {".Length;
            var end = config.IndexOf('}', at);
            var kept = config[at..end].Replace($"{value.Split(':')[0]}:", "\"replaced\":", StringComparison.Ordinal);
            System.IO.File.WriteAllText(Path.Combine(folder, "config.json"), $"{config[..at]}{value},{kept}{config[end..]}");
            Assert.Contains(named, Assert.Throws<CheckpointException>(() => VaeConfig.Load(folder)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_decoder_tensor_that_is_not_float32_is_named_in_the_error()
    {
        using var folder = new TemporaryFolder();
        var (half, whole) = (zeros(2, ScalarType.BFloat16), zeros(2));
        var file = folder["model.safetensors"];
        SafetensorsWriter.Write(file, [TensorData.From("encoder.a", half), TensorData.From("decoder.b", whole)]);
        VaeCheckpoint.Open(folder.Path).Dispose();

        SafetensorsWriter.Write(file, [TensorData.From("decoder.b", whole), TensorData.From("decoder.c", half)]);
        var fault = Assert.Throws<CheckpointException>(() => VaeCheckpoint.Open(folder.Path));
        Assert.Contains("decoder.c is BFloat16, expected Float32", fault.Message, StringComparison.Ordinal);
    }

    private static VaeDecoder LoadDecoder()
    {
        var folder = Yue2Goldens.PathOf("YuE2-Vae");
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        return new VaeDecoder(VaeConfig.Load(folder), new CheckpointTensors(checkpoint, ScalarType.Float32));
    }

    private static Tensor Read(string name)
    {
        using var stored = SafetensorsFile.Open(File);
        var source = new CheckpointTensors(stored, ScalarType.Float32);
        return source.Read(name, source.ShapeOf(name));
    }
}

using CsCheck;
using Xunit;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

/// <summary>Tests that files with changed, missing or additional bytes are either read or rejected with a
/// <see cref="CheckpointException"/>.</summary>
public sealed class DamagedFileTests : IDisposable
{
    private const int Cases = 400;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_damaged_safetensors_file_is_read_or_refused()
    {
        SafetensorsWriter.Write(_folder["whole"], Tensors());
        Damage(ReadAll(SafetensorsFile.Open));
    }

    [Fact]
    public void A_damaged_pth_file_is_read_or_refused()
    {
        TorchCheckpointWriter.Write(_folder["whole"], "codec_model", Tensors());
        Damage(ReadAll(path => TorchCheckpoint.Open(path, "codec_model")));
    }

    [Fact]
    public void A_damaged_pickle_is_read_or_refused()
    {
        var pickle = PickleBytes.Join(
            "\u0080\u0002}(", PickleBytes.Utf8("x"), PickleBytes.Tensor([2, 3], [3, 1]),
            PickleBytes.Utf8("y"), PickleBytes.Tensor([2], [2], offset: 1),
            PickleBytes.Utf8("z"), "comegaconf.listconfig\nListConfig\n)\u0081}", PickleBytes.Utf8("a"), "]K\u0001asb", "u.");
        File.WriteAllBytes(_folder["whole"], pickle);
        Damage(ReadAll(path =>
        {
            File.WriteAllBytes(path, PickleBytes.Archive(File.ReadAllBytes(path)));
            return TorchCheckpoint.Open(path, null);
        }));
    }

    [Fact]
    public void A_damaged_index_is_read_or_refused()
    {
        SafetensorsWriter.WriteShards(_folder.Path, [Tensors(), [TensorData.From("z", ones(2))]]);
        var index = _folder["model.safetensors.index.json"];
        File.Copy(index, _folder["whole"]);
        Damage(path =>
        {
            File.Copy(path, index, overwrite: true);
            SafetensorsCheckpoint.Open(_folder.Path).Dispose();
        });
    }

    [Fact]
    public void Damaged_configs_are_read_or_refused()
    {
        _folder.Write("whole", ConfigTests.Llama);
        Damage(path =>
        {
            File.Copy(path, _folder["config.json"], overwrite: true);
            LlamaConfig.Load(_folder.Path);
        });

        _folder.Write("whole", ConfigTests.Codec);
        Directory.CreateDirectory(_folder["final_ckpt"]);
        Damage(path =>
        {
            File.Copy(path, _folder["final_ckpt", "config.yaml"], overwrite: true);
            CodecConfig.Load(_folder.Path);
        });
    }

    [Fact]
    public void A_file_truncated_after_it_was_opened_is_refused_with_both_sizes()
    {
        SafetensorsWriter.Write(_folder["whole"], Tensors());
        using var checkpoint = SafetensorsFile.Open(_folder["whole"]);
        var length = new FileInfo(_folder["whole"]).Length;
        using (var file = new FileStream(_folder["whole"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(length - 4);
        }

        var source = new CheckpointTensors(checkpoint, ScalarType.Float32);
        var error = Assert.Throws<CheckpointException>(() => source.Read("y", 3));
        Assert.Equal(_folder["whole"], error.File);
        Assert.Contains($"has {length - 4} bytes and had {length} when it was opened", error.Message, StringComparison.Ordinal);
    }

    private static TensorData[] Tensors() =>
    [
        TensorData.From("x", arange(0, 6, ScalarType.Float32).view(2, 3)),
        TensorData.From("y", ones([3], ScalarType.Bool)),
    ];

    private static Action<string> ReadAll(Func<string, Checkpoint> open) => path =>
    {
        using var checkpoint = open(path);
        foreach (var (name, stored) in checkpoint.Tensors)
        {
            // The damage may have enlarged a shape; only small ones are read.
            if (stored.Shape.All(size => size < 1000) && stored.Shape.Count < 4)
            {
                new CheckpointTensors(checkpoint, ScalarType.Float32).Read(name, [.. stored.Shape]).Dispose();
            }
        }
    };

    private void Damage(Action<string> read)
    {
        var whole = File.ReadAllBytes(_folder["whole"]);
        read(_folder.Write("undamaged", whole));

        var change = Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Byte);
        var refused = 0;
        Gen.Select(change.Array[0, 4], Gen.OneOf(Gen.Const(whole.Length), Gen.Int[0, whole.Length + 3])).Sample(
            (changes, length) =>
            {
                var bytes = whole.ToArray();
                foreach (var (at, value) in changes)
                {
                    bytes[at] = value;
                }

                Array.Resize(ref bytes, length);
                try
                {
                    read(_folder.Write("damaged", bytes));
                }
                catch (CheckpointException)
                {
                    refused++;
                }
            },
            iter: Cases,
            threads: 1);
        Assert.InRange(refused, 1, Cases);
    }
}

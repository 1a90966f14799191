using System.Globalization;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

/// <summary>Writes .pth files that <c>torch.load</c> reads. The same tensors in the same order give the same bytes.</summary>
public static class TorchCheckpointWriter
{
    /// <summary>Writes one file.</summary>
    /// <param name="path">The file; its name without extension is the archive's root folder, as PyTorch names it.</param>
    /// <param name="rootKey">The key of the state dict in an outer dict; null writes the state dict alone.</param>
    /// <param name="tensors">The tensors of the state dict, in order.</param>
    public static void Write(string path, string? rootKey, IReadOnlyList<TensorData> tensors)
    {
        var root = Path.GetFileNameWithoutExtension(path);
        using var file = new BufferedStream(File.Create(path), 1 << 16);
        var archive = new StoredZipWriter(file);
        archive.Add($"{root}/data.pkl", Pickle(rootKey, tensors));
        archive.Add($"{root}/byteorder", "little"u8);
        for (var i = 0; i < tensors.Count; i++)
        {
            archive.Add($"{root}/data/{i}", tensors[i].Bytes.Span);
        }

        archive.Add($"{root}/version", "3\n"u8);
        archive.Finish();
    }

    private static byte[] Pickle(string? rootKey, IReadOnlyList<TensorData> tensors)
    {
        var pickle = new PickleWriter();
        if (rootKey is not null)
        {
            pickle.EmptyDict().Mark().Text(rootKey);
        }

        pickle.OrderedDict().Mark();
        for (var i = 0; i < tensors.Count; i++)
        {
            pickle.Text(tensors[i].Name);
            WriteTensor(pickle, tensors[i], i.ToString(CultureInfo.InvariantCulture));
        }

        pickle.SetItems();
        if (rootKey is not null)
        {
            pickle.SetItems();
        }

        return pickle.Stop();
    }

    /// <summary>Writes <c>_rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())</c>.</summary>
    private static void WriteTensor(PickleWriter pickle, TensorData tensor, string key)
    {
        pickle.Global("torch._utils", "_rebuild_tensor_v2").Mark()
            .Mark().Text("storage").Global("torch", StorageName(tensor.Dtype)).Text(key).Text("cpu")
            .Integer(tensor.CheckedCount()).Tuple().PersistentId()
            .Integer(0)
            .Integers(tensor.Shape)
            .Integers(StoredTensor.RowMajor([.. tensor.Shape]))
            .False()
            .OrderedDict()
            .Tuple().Reduce();
    }

    private static string StorageName(ScalarType dtype) => dtype switch
    {
        ScalarType.Float32 => "FloatStorage",
        ScalarType.Float16 => "HalfStorage",
        ScalarType.BFloat16 => "BFloat16Storage",
        ScalarType.Float64 => "DoubleStorage",
        ScalarType.Int64 => "LongStorage",
        ScalarType.Int32 => "IntStorage",
        ScalarType.Int16 => "ShortStorage",
        ScalarType.Int8 => "CharStorage",
        ScalarType.Byte => "ByteStorage",
        ScalarType.Bool => "BoolStorage",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "PyTorch has no storage of this type"),
    };
}

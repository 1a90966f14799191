using System.Text;

namespace Yue.Engine.Weights;

/// <summary>Opens a checkpoint written by <c>torch.save</c> without running any of its code.</summary>
public static class TorchCheckpoint
{
    private const int MaxPickleBytes = 16 << 20;
    private const string PickleName = "/data.pkl";

    /// <summary>Opens the tensors of a state dict in the file (docs/model.md 8).</summary>
    /// <param name="path">A .pth file: the zip archive of PyTorch 1.6 and later, or the older format.</param>
    /// <param name="rootKey">The key of the state dict in the pickled dict; null if the pickled dict is the state dict.</param>
    /// <remarks>Throws <see cref="CheckpointException"/> if the file is invalid or its state dict contains a tensor that is not dense.
    /// Values of the state dict that are not tensors are ignored, and so is everything outside the state dict.</remarks>
    public static Checkpoint Open(string path, string? rootKey)
    {
        var file = CheckpointFile.Open(path);
        try
        {
            var tensors = TorchLegacyFile.Is(file) ? TorchLegacyFile.Read(file, rootKey) : ReadArchive(file, rootKey);
            return new Checkpoint(path, tensors, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static Dictionary<string, StoredTensor> ReadArchive(CheckpointFile file, string? rootKey)
    {
        var entries = ZipEntries.Read(file);
        var pickles = entries.Names.Where(name => name.IndexOf('/', StringComparison.Ordinal) == name.Length - PickleName.Length
            && name.EndsWith(PickleName, StringComparison.Ordinal)).ToArray();
        if (pickles is not [var pickle])
        {
            throw new CheckpointException(file.Path, $"the archive has {pickles.Length} entries named */data.pkl, expected one");
        }

        var root = pickle[..^PickleName.Length];
        ExpectLittleEndian(file, entries, $"{root}/byteorder");
        var (offset, bytes) = entries.Locate(pickle);
        if (bytes > MaxPickleBytes)
        {
            throw new CheckpointException(file.Path, $"entry {pickle} has {bytes} bytes, expected at most {MaxPickleBytes}");
        }

        var value = new PickleReader(file.Path, file.Read(offset, (int)bytes)).Read();
        return new TorchStateDict(file, storage => entries.Locate($"{root}/data/{storage.Key}")).Read(value, rootKey);
    }

    /// <summary>Checks the byte order. Files written before PyTorch 2.1 lack the entry and are little-endian.</summary>
    private static void ExpectLittleEndian(CheckpointFile file, ZipEntries entries, string name)
    {
        if (entries.Contains(name))
        {
            var (offset, bytes) = entries.Locate(name);
            var order = Encoding.ASCII.GetString(file.Read(offset, (int)Math.Min(bytes, 8)));
            if (order != "little")
            {
                throw new CheckpointException(file.Path, $"the byte order is {order}, expected little");
            }
        }
    }
}

namespace Yue.Engine.Tests.Weights;

/// <summary>A folder that is deleted at the end of a test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("yue-test-").FullName;

    public string this[params string[] parts] => Path.Combine([Root, .. parts]);

    /// <summary>Writes a file, creates its folders, and returns its path.</summary>
    public string Write(string name, byte[] bytes)
    {
        var path = this[name];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public string Write(string name, string text) => Write(name, System.Text.Encoding.UTF8.GetBytes(text));

    public void Dispose() => Directory.Delete(Root, recursive: true);
}

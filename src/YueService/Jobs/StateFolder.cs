using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>The state folder, which one process owns at a time.</summary>
/// <remarks>Thread-safe. Every error is a <see cref="StorageException"/>.</remarks>
internal sealed class StateFolder(IOptions<JobOptions> options) : IDisposable
{
    private readonly Lock _gate = new();
    private FileStream? _lock;
    private bool _isDisposed;

    /// <summary>Returns the path of a file or folder in the state folder.</summary>
    public string this[string name] => Path.Combine(options.Value.StateFolder, name);

    /// <summary>Creates and locks the folder on the first call. Later calls check that it is still the same folder.</summary>
    /// <exception cref="StorageException">The folder cannot be locked, or it was deleted, replaced or unmounted.</exception>
    public void Claim()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            StorageFaults.Guard(() =>
            {
                if (_lock is null)
                {
                    Directory.CreateDirectory(options.Value.StateFolder);

                    // Without the lock, two processes would run the same jobs. The system releases it when the process ends.
                    _lock = new(this["lock"], FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                }
                else if (!IsSameFile(_lock, this["lock"]))
                {
                    throw Lost();
                }

                return true;
            });
        }
    }

    /// <summary>Creates the error for a folder, or a required file in it, that was removed while the service was running.</summary>
    public static StorageException Lost() => new(
        "The state folder was deleted, replaced or unmounted while the service was running. "
        + "Restore it, or restart the service to use the current folder.");

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _lock?.Dispose();
        }
    }

    /// <summary>Compares the times of the open file and of the path. Nothing writes to the lock file, so its times do not change.</summary>
    private static bool IsSameFile(FileStream open, string path) =>
        File.GetCreationTimeUtc(open.SafeFileHandle) == File.GetCreationTimeUtc(path)
        && File.GetLastWriteTimeUtc(open.SafeFileHandle) == File.GetLastWriteTimeUtc(path);
}

namespace YueService.Downloads;

/// <summary>The free space on disks, checked before files are written.</summary>
/// <param name="FreeBytes">Returns the free space on the disk that holds a folder, which must exist.</param>
/// <param name="SpareBytes">The space that must stay free.</param>
internal sealed record DiskSpace(Func<string, long> FreeBytes, long SpareBytes)
{
    /// <summary>Returns the disks of this machine.</summary>
    public static DiskSpace OfMachine(long spareBytes) => new(folder => new DriveInfo(folder).AvailableFreeSpace, spareBytes);

    /// <summary>Throws unless a disk has enough free space.</summary>
    /// <param name="folder">The folder for the files. It need not exist.</param>
    /// <param name="needed">The size of the files in bytes.</param>
    /// <param name="task">The participle that names the work in the message, such as <c>downloaded</c>.</param>
    /// <param name="option">The option that selects another folder.</param>
    /// <exception cref="IOException">The disk has too little free space. The message contains the folder and the figures.</exception>
    public void Require(string folder, long needed, string task, string option)
    {
        var existing = Path.GetFullPath(folder);
        while (!Directory.Exists(existing))
        {
            existing = Path.GetDirectoryName(existing)!;
        }

        var free = FreeBytes(existing);
        if (needed > 0 && needed + SpareBytes > free)
        {
            throw new IOException(
                $"{folder} has {ByteText.Of(free)} free, but {ByteText.Of(needed)} will be {task} and {ByteText.Of(SpareBytes)} must "
                    + $"stay free. Free some space, or choose a folder on another disk with {option}.");
        }
    }
}

namespace Yue.Engine.Residency;

/// <summary>The settings of the device that models run on, and of its memory.</summary>
internal interface IDeviceOptions
{
    /// <summary><c>auto</c>, <c>cpu</c>, or <c>cuda</c> with an optional index (<c>cuda:1</c>).</summary>
    string Device { get; }

    /// <summary>The type of the language models' matrices on a GPU.</summary>
    string Weights { get; }

    /// <summary>The type of keys and values on a GPU.</summary>
    string KeyValueCache { get; }

    /// <summary>The folder for compiled kernels.</summary>
    string CacheFolder { get; }

    /// <summary>The number of songs made at once. 0 is as many as a GPU's memory takes, up to eight, and one on the CPU.</summary>
    int SongsAtOnce { get; }

    /// <summary>The longest context of a song, prompt and tokens together; 0 is the checkpoint's own.</summary>
    int ContextTokens { get; }

    /// <summary>The most memory of the device that may be planned for, in MiB. 0 is all that is free; on the CPU, 0 is no limit.</summary>
    int DeviceMemoryMegabytes { get; }
}

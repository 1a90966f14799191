namespace Yue.Engine.Residency;

/// <summary>The settings of the device that models run on, and of its memory.</summary>
internal interface IDeviceOptions
{
    /// <summary>The device to run on: <c>auto</c>, <c>cpu</c>, or <c>cuda</c> with an optional index (<c>cuda:1</c>).</summary>
    string Device { get; }

    /// <summary>The type of the language models' matrices on a GPU.</summary>
    string Weights { get; }

    /// <summary>The type of keys and values on a GPU.</summary>
    string KeyValueCache { get; }

    /// <summary>The folder for compiled kernels.</summary>
    string CacheFolder { get; }

    /// <summary>The number of concurrent songs. 0 means as many as fit into a GPU's memory, up to eight, or one on the CPU.</summary>
    int SongsAtOnce { get; }

    /// <summary>The maximum context of a song in tokens, including the prompt; 0 means the checkpoint's limit.</summary>
    int ContextTokens { get; }

    /// <summary>The maximum device memory to use, in MiB. 0 means all free memory of a GPU and no limit on the CPU.</summary>
    int DeviceMemoryMegabytes { get; }
}

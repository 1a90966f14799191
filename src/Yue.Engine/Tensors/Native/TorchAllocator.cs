namespace Yue.Engine.Tensors.Native;

/// <summary>The settings of libtorch's GPU memory allocator. libtorch reads them from the environment before the allocator's first
/// use.</summary>
internal static class TorchAllocator
{
    /// <summary>Makes libtorch extend its blocks of memory instead of adding blocks of fixed size. Does nothing if
    /// <c>PYTORCH_CUDA_ALLOC_CONF</c> is already set.</summary>
    /// <remarks>A block of fixed size cannot be freed while a later tensor occupies part of it. With a memory plan of 7.1 GiB, libtorch
    /// kept 2 GB in such blocks after a model was unloaded.</remarks>
    public static void ExtendBlocks() => NativeEnvironment.SetDefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True");
}

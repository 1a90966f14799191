using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>Where a tensor's values lie.</summary>
internal static class DeviceAddress
{
    /// <summary>The address of the first value of a contiguous BF16 tensor.</summary>
    public static nint Address(this Tensor tensor)
    {
        if (tensor.dtype != ScalarType.BFloat16 || !tensor.is_contiguous())
        {
            throw new ArgumentException($"a contiguous bf16 tensor is expected, not {tensor.dtype}", nameof(tensor));
        }

        return tensor.storage<TorchSharp.BFloat16>().data_ptr() + (nint)(tensor.storage_offset() * sizeof(ushort));
    }
}

using Yue.Cuda.Decode;
using Yue.Engine.Weights;

namespace Yue.Engine.Tests.Quantization;

/// <summary>Creates the quantization record of a checkpoint that a test quantizes.</summary>
internal static class TestRecord
{
    /// <summary>Returns a record without sources or calibration.</summary>
    public static QuantizationRecord Of(int bits) => new()
    {
        Format = QuantizationRecord.FormatName,
        FormatVersion = QuantizationRecord.Version,
        Bits = bits,
        GroupSize = GroupedWeights.GroupSize,
        HeadTerms = GroupedWeights.HeadTerms,
        Sources = [],
        Program = "test",
    };
}

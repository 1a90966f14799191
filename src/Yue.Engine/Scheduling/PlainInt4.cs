using Yue.Engine.Weights;

namespace Yue.Engine.Scheduling;

/// <summary>A configured checkpoint whose matrices have 4 bits per weight without calibration.</summary>
/// <param name="Folder">The checkpoint's folder.</param>
/// <param name="Fix">Advice on what to use instead.</param>
internal sealed record PlainInt4(string Folder, string Fix)
{
    /// <summary>Returns the checkpoints that have 4 bits per weight without calibration: either their files are quantized in this way, or
    /// they are quantized while being loaded onto a GPU. On the CPU, checkpoints that are not quantized run in float32.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="onGpu">True if the models run on a GPU.</param>
    public static IEnumerable<PlainInt4> Of(EngineOptions options, bool onGpu)
    {
        var whileLoading = onGpu && options.Weights == "int4";
        var stage2 = ModelFamilies.FoldersOf(options).Where(folder => folder is { IsNeeded: true, Setting: nameof(options.Stage2) });
        return
        [
            .. options.Stage1.Values.Concat(stage2.Select(needed => needed.Folder).OfType<string>()).Distinct()
                .Where(folder => QuantizationRecord.TryRead(folder) is { } record
                    ? record is { Bits: 4, Calibration: null }
                    : whileLoading)
                .Select(folder => new PlainInt4(folder, FixOf(folder))),
        ];
    }

    private static string FixOf(string folder) => ModelFamilies.FamilyOf(folder).Name == "yue2"
        ? "set Weights to int6 if it fits"
        : "make a calibrated checkpoint with yue models quantize PROFILE --bits 4, or with --bits 6 if it fits";
}

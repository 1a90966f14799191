namespace YueService.Jobs.Audio;

/// <summary>The measured loudness of the mix (ITU-R BS.1770) and the gain that was applied.</summary>
/// <param name="MeasuredLufs">The loudness before the gain; null for silence.</param>
/// <param name="MeasuredTruePeakDbtp">The true peak before the gain; null for silence.</param>
/// <param name="GainDb">The gain that was applied to the mix and to the stems.</param>
internal sealed record LoudnessChange(double? MeasuredLufs, double? MeasuredTruePeakDbtp, double GainDb);

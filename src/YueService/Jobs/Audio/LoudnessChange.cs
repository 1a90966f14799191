namespace YueService.Jobs.Audio;

/// <summary>How loud the mix came out (ITU-R BS.1770) and what was changed.</summary>
/// <param name="MeasuredLufs">Before the gain; null for silence.</param>
/// <param name="MeasuredTruePeakDbtp">Before the gain; null for silence.</param>
/// <param name="GainDb">Applied to the mix and to the stems.</param>
internal sealed record LoudnessChange(double? MeasuredLufs, double? MeasuredTruePeakDbtp, double GainDb);

using Yue.Engine.Settings;

namespace Yue.Engine.Separation;

/// <summary>The settings of the optional separator, in section <c>Yue</c>.</summary>
public sealed class SeparatorOptions
{
    /// <summary>An MDX-Net network as ONNX; null for none.</summary>
    public string? Separator { get; set; }

    /// <summary>The length of the Fourier transform that the network was trained with; the file does not say.</summary>
    public int SeparatorFftSize { get; set; } = 6144;

    /// <summary>What the network lets through: <c>vocal</c> or <c>instrumental</c>.</summary>
    [SettingChoice("vocal", "instrumental")]
    public string SeparatorStem { get; set; } = "vocal";

    /// <summary>Opens the network; throws <see cref="Weights.CheckpointException"/> where it is none.</summary>
    public MdxSeparator Open() => new(Separator!, SeparatorFftSize, isVocal: SeparatorStem == "vocal");
}

using Yue.Engine.Settings;

namespace Yue.Engine.Separation;

/// <summary>The settings of the optional separator, in section <c>Yue</c>.</summary>
public sealed class SeparatorOptions
{
    /// <summary>The ONNX file of an MDX-Net network; null for none.</summary>
    public string? Separator { get; set; }

    /// <summary>The length of the Fourier transform that the network was trained with. The file does not contain it.</summary>
    public int SeparatorFftSize { get; set; } = 6144;

    /// <summary>The stem that the network returns: <c>vocal</c> or <c>instrumental</c>.</summary>
    [SettingChoice("vocal", "instrumental")]
    public string SeparatorStem { get; set; } = "vocal";

    /// <summary>Opens the network. Throws <see cref="Weights.CheckpointException"/> if the file does not exist or is not a
    /// separator.</summary>
    public MdxSeparator Open() => new(Separator!, SeparatorFftSize, isVocal: SeparatorStem == "vocal");
}

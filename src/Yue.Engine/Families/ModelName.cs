namespace Yue.Engine.Families;

/// <summary>The names of models: a checkpoint's name, or <c>CHECKPOINT+LORA</c> for a checkpoint with a LoRA adapter merged into
/// it.</summary>
internal static class ModelName
{
    private const char Plus = '+';

    /// <summary>Returns the name of the checkpoint.</summary>
    public static string CheckpointOf(string name) => name.Split(Plus, 2)[0];

    /// <summary>Returns the name of the adapter; null if there is none.</summary>
    public static string? LoraOf(string name) => name.Split(Plus, 2) is [_, var lora] ? lora : null;
}

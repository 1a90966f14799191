namespace Yue.Engine.Residency;

/// <summary>A model and its memory state.</summary>
/// <param name="Name">The configured name.</param>
/// <param name="Role">The model's role, such as <c>stage1</c>, <c>codec</c> or <c>vocoder</c>.</param>
/// <param name="Dtype">The dtype that it runs in.</param>
/// <param name="Parameters">The number of weights.</param>
/// <param name="Bytes">The memory that the model takes while it is loaded: its weights, and on a GPU its caches.</param>
/// <param name="Loaded">True if the model is in memory.</param>
public sealed record ModelStatus(string Name, string Role, string Dtype, long Parameters, long Bytes, bool Loaded);

/// <summary>Memory of the device that the models run on, in bytes.</summary>
public sealed record MemoryStatus(long TotalBytes, long UsedBytes, long PlannedBytes);

namespace Yue.Engine.Audio.Readers;

/// <summary>A sound file is invalid or of an unsupported kind.</summary>
/// <param name="fault">The end of a sentence whose subject is the file, without the period: "is empty (0 bytes)".</param>
internal sealed class ClipFaultException(string fault) : Exception(fault);

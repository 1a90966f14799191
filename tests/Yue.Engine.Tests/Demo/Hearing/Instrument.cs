namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>The instrument of the demo's chords.</summary>
public enum Instrument
{
    Piano,
    Guitar,
    Organ,
    Strings,
}

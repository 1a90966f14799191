namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>What plays the demo's chords.</summary>
public enum Instrument
{
    Piano,
    Guitar,
    Organ,
    Strings,
}

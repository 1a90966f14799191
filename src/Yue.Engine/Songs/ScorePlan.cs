namespace Yue.Engine.Songs;

/// <summary>The kind of score that a model writes or receives before the music (docs/model-yue2.md 3).</summary>
public enum ScorePlan
{
    /// <summary>A melody with chord symbols.</summary>
    Full,

    /// <summary>A melody without chord symbols.</summary>
    Melody,

    /// <summary>No score.</summary>
    Off,
}

namespace Yue.Engine.Families.Yue1;

/// <summary>The devices of the models that make a song.</summary>
/// <param name="LanguageOnGpu">True if the language models are on a GPU.</param>
/// <param name="SoundOnGpu">True if the codec and the vocoders are on a GPU.</param>
internal readonly record struct SongDevices(bool LanguageOnGpu, bool SoundOnGpu);

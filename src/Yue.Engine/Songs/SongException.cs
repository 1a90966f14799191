namespace Yue.Engine.Songs;

/// <summary>This song cannot be made. Other songs are not affected.</summary>
public class SongException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The request asks for something that the loaded model cannot do. The message says what would work.</summary>
public sealed class SongRequestException(string message) : SongException(message);

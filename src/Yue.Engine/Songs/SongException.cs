namespace Yue.Engine.Songs;

/// <summary>This song cannot be made. Other songs are not affected.</summary>
public class SongException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The request requires something that the loaded model does not support. The message says what is supported.</summary>
public sealed class SongRequestException(string message) : SongException(message);

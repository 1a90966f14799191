namespace Yue.Engine.Songs;

/// <summary>This song cannot be made. Other songs are not affected.</summary>
public class SongException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The request cannot be fulfilled as it is, for example because its model is not configured or does not support a field. The
/// message says why.</summary>
public sealed class SongRequestException(string message) : SongException(message);

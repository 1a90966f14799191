namespace YueService.Hosting;

/// <summary>The host cannot be built from its settings. The message is one line that says how to fix it.</summary>
internal sealed class StartException(string message, Exception inner) : Exception(message, inner);

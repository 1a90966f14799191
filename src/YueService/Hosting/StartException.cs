namespace YueService.Hosting;

/// <summary>The program cannot be put together from its settings; the message is one line that says how to fix it.</summary>
internal sealed class StartException(string message, Exception inner) : Exception(message, inner);

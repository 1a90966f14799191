namespace Yue.Engine.Residency;

/// <summary>A loaded model that a song has taken from the shelf. Disposing the lease returns the model.</summary>
internal sealed class ModelLease<T>(ShelfModel model) : IDisposable
    where T : class, IDisposable
{
    private bool _disposed;

    public T Model { get; } = (T)model.Loaded!;

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            ModelShelf.Return(model);
        }
    }
}

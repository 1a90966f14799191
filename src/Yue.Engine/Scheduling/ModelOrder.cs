using Yue.Engine.Residency;

namespace Yue.Engine.Scheduling;

/// <summary>A request to load or unload models, which the engine's thread carries out between steps.</summary>
/// <param name="model">The name that requests use for the model.</param>
/// <param name="isLoaded">True to load, false to unload.</param>
internal sealed class ModelOrder(string model, bool isLoaded)
{
    private readonly TaskCompletionSource<bool> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with true when the models have been loaded or unloaded, or with false if songs in progress prevent it.</summary>
    public Task<bool> Done => _done.Task;

    /// <summary>Loads or unloads the models. Does not complete <see cref="Done"/>.</summary>
    /// <param name="models">All models.</param>
    /// <param name="names">The names of all models that requests can name.</param>
    public bool Run(ModelSet models, IEnumerable<string> names) =>
        isLoaded ? models.TryLoad(model) : models.TryUnload(model, names.Where(name => name != model));

    public void Complete(bool isDone) => _done.TrySetResult(isDone);

    public void Fail(Exception error) => _done.TrySetException(error);
}

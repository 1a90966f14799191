using Xunit;
using Yue.Engine.Residency;

namespace Yue.Engine.Tests;

public sealed class ModelShelfTests
{
    private readonly List<string> _log = [];

    [Fact]
    public void The_least_recently_used_idle_model_is_unloaded_first()
    {
        using var shelf = Shelf(budget: 25, ("a", 10), ("b", 10), ("c", 10));
        var (a, b, c) = (shelf.Models[0], shelf.Models[1], shelf.Models[2]);
        shelf.LoadWhatFits(_ => { }, (_, _) => { }, TestContext.Current.CancellationToken);
        Assert.Equal(["+a", "+b"], _log);

        Use(shelf, b);
        Use(shelf, a);
        Use(shelf, c);

        Assert.Equal(["+a", "+b", "-b", "unloaded", "+c"], _log);
    }

    [Fact]
    public void A_model_in_use_stays_loaded_and_a_song_for_another_model_waits()
    {
        using var shelf = Shelf(budget: 10, ("a", 10), ("b", 10));
        var (a, b) = (shelf.Models[0], shelf.Models[1]);
        Assert.True(shelf.TryTake(a));
        Assert.True(shelf.TryTake(a));
        Assert.False(shelf.TryTake(b));
        ModelShelf.Return(a);
        Assert.False(shelf.TryTake(b));
        ModelShelf.Return(a);
        Assert.True(shelf.TryTake(b));
        Assert.Equal(["+a", "-a", "unloaded", "+b"], _log);
    }

    [Fact]
    public void Nothing_is_unloaded_if_it_would_not_help()
    {
        using var shelf = Shelf(budget: 20, ("a", 10), ("b", 10), ("c", 20));
        Assert.True(shelf.TryTake(shelf.Models[0]));
        Use(shelf, shelf.Models[1]);
        Assert.False(shelf.TryTake(shelf.Models[2]));
        Assert.Equal(["+a", "+b"], _log);
    }

    [Fact]
    public void A_model_that_fails_to_load_uses_no_memory_and_can_be_loaded_later()
    {
        var tries = 0;
        using var shelf = new ModelShelf(10, () => { }, () => { });
        shelf.Add(new ShelfModel("a", 10, _ => ++tries == 1 ? throw new IOException("gone") : new FakeModel("a", _log)));
        Assert.Throws<IOException>(() => shelf.TryTake(shelf.Models[0]));
        Assert.Equal(0, shelf.Models[0].Users);
        Assert.True(shelf.TryTake(shelf.Models[0]));
    }

    [Fact]
    public void Each_loaded_part_of_a_model_is_reported()
    {
        var parts = 0;
        using var shelf = new ModelShelf(10, () => { }, () => parts++);
        shelf.Add(new ShelfModel("a", 10, report =>
        {
            report(0.5);
            report(1);
            return new FakeModel("a", _log);
        }));
        Assert.True(shelf.TryTake(shelf.Models[0]));
        Assert.True(shelf.TryTake(shelf.Models[0]));
        Assert.Equal(2, parts);
    }

    private static void Use(ModelShelf shelf, ShelfModel model)
    {
        Assert.True(shelf.TryTake(model));
        ModelShelf.Return(model);
    }

    private ModelShelf Shelf(long budget, params (string Name, long Bytes)[] models)
    {
        var shelf = new ModelShelf(budget, () => _log.Add("unloaded"), () => { });
        foreach (var (name, bytes) in models)
        {
            shelf.Add(new ShelfModel(name, bytes, _ => new FakeModel(name, _log)));
        }

        return shelf;
    }

    private sealed class FakeModel : IDisposable
    {
        private readonly string _name;
        private readonly List<string> _log;

        public FakeModel(string name, List<string> log)
        {
            (_name, _log) = (name, log);
            log.Add($"+{name}");
        }

        public void Dispose() => _log.Add($"-{_name}");
    }
}

using Xunit;

// One test at a time: some start the real program or measure how soon something happens, and need the cores for themselves.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]

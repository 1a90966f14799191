using Xunit;

// Tests run one at a time, because libtorch uses every core for each, and some tests compare process-wide counts.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]

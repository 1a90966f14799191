using Xunit;

// Tests run one at a time, because libtorch uses all cores in each test, and some tests compare process-wide counts.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]

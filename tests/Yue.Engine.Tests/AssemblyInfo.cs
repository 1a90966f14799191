using Xunit;

// One test at a time: libtorch uses every core for one, and process-wide counts are compared.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]

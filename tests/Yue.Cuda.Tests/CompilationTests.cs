using Xunit;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

public sealed class CompilationTests(ITestOutputHelper output)
{
    /// <summary>The shape of a layer of YuE 2.</summary>
    private static readonly LlamaShape NormedShape = StepChecks.Tiny with
    {
        Hidden = 2048,
        Intermediate = 6144,
        Heads = 16,
        KeyValueHeads = 8,
        NormsQueriesAndKeys = true,
    };

    private static readonly KernelBuild SmallStep = Step(8, WeightType.BFloat16, CacheType.BFloat16);

    /// <summary>Builds of the step kernel with every weight type and cache type except float32, and with every number of rows that
    /// kernels are built for.</summary>
    private static readonly KernelBuild[] StepBuilds =
    [
        SmallStep,
        Step(80, WeightType.Int8, CacheType.Float8),
        Step(8, WeightType.BFloat16, CacheType.BFloat16, NormedShape),
        Step(16, WeightType.BFloat16, CacheType.Float8),
        Step(32, WeightType.Int6, CacheType.BFloat16),
        Step(80, WeightType.Int4, CacheType.Float8),
        Step(8, WeightType.Int8, CacheType.BFloat16),
        Step(8, WeightType.Float8, CacheType.BFloat16),
        Step(8, WeightType.Int6, CacheType.Float8),
        Step(8, WeightType.Int4, CacheType.BFloat16),
        Step(64, WeightType.BFloat16, CacheType.BFloat16),
        Step(80, WeightType.Int8, CacheType.Float8, NormedShape),
    ];

    [Theory]
    [InlineData(80, 166_912)]
    [InlineData(86, 101_376)]
    [InlineData(89, 101_376)]
    [InlineData(90, 232_448)]
    public void Every_kernel_compiles_without_warnings_and_fits_in_shared_memory(int architecture, int sharedBytesPerBlock)
    {
        Assert.SkipWhen(KernelCompiler.Version(out var reason) is null, reason ?? "");
        CompileAll(architecture, sharedBytesPerBlock);
    }

    [Theory]
    [InlineData(100, 232_448)]
    [InlineData(120, 101_376)]
    public void Every_kernel_compiles_for_newer_architectures(int architecture, int sharedBytesPerBlock)
    {
        var version = KernelCompiler.Version(out var reason);
        Assert.SkipWhen(version is null, reason ?? "");
        Assert.SkipWhen(
            Version.Parse(version!).Major < 13, $"NVRTC {version} does not compile for compute capability {architecture / 10}.0");
        CompileAll(architecture, sharedBytesPerBlock);
    }

    [Fact]
    public void The_error_for_a_kernel_that_does_not_compile_has_the_compiler_output()
    {
        Assert.SkipWhen(KernelCompiler.Version(out var reason) is null, reason ?? "");
        var (file, definitions) = Step(8, WeightType.BFloat16, CacheType.BFloat16, StepChecks.Tiny with { Hidden = 100 });
        var error = Assert.Throws<KernelCompilationException>(() => KernelCompiler.Compile(file, 90, definitions));
        Assert.Contains("pieces of 128", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_cache_key_changes_with_definitions_architecture_and_options()
    {
        var (file, definitions) = SmallStep;
        var options = KernelCompiler.OptionsFor(90, definitions);
        var key = KernelCache.Key(file, options);
        Assert.Equal(key, KernelCache.Key(file, KernelCompiler.OptionsFor(90, definitions)));
        Assert.NotEqual(key, KernelCache.Key(file, KernelCompiler.OptionsFor(80, definitions)));
        Assert.NotEqual(key, KernelCache.Key(file, KernelCompiler.OptionsFor(90, ["ROWS=8"])));
        Assert.NotEqual(key, KernelCache.Key("sample.cu", options));
        Assert.All(options, option => Assert.NotEqual(key, KernelCache.Key(file, [.. options.Where(other => other != option)])));
    }

    [Fact]
    public void A_compiled_kernel_is_read_from_the_folder_the_second_time()
    {
        Assert.SkipWhen(KernelCompiler.Version(out var reason) is null, reason ?? "");
        var folder = Directory.CreateTempSubdirectory("yue-kernels").FullName;
        try
        {
            var cache = new KernelCache(folder);
            var image = cache.Get("greedy.cu", 80, []);
            var file = Assert.Single(Directory.GetFiles(folder));
            File.WriteAllBytes(file, [.. image, 7]);
            Assert.Equal(image.Length + 1, cache.Get("greedy.cu", 80, []).Length);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private void CompileAll(int architecture, int sharedBytesPerBlock)
    {
        foreach (var (file, definitions) in OtherBuilds().Concat(StepBuildsOf(architecture)))
        {
            var compiled = KernelCompiler.Compile(file, architecture, definitions);

            // The resources are read from the log. NVRTC 13 writes no log when it compiles for sm_90a.
            Assert.Equal(compiled.Log.Trim('\0', '\n', ' ').Length == 0, compiled.Resources.Count == 0);
            foreach (var kernel in compiled.Resources)
            {
                output.WriteLine(
                    $"sm_{architecture} {kernel.Kernel} {string.Join(' ', definitions)}: "
                        + $"{kernel.Registers} registers, {kernel.SpillBytes} bytes spilled");
            }

            if (file is "step.cu" or "step_f32.cu")
            {
                CheckRing(CubinFile.Global<StepLayout>(compiled.Image, "step_layout"), file == "step.cu", sharedBytesPerBlock);
            }
        }
    }

    /// <summary>Checks the number of threads of a step, and that its copy ring, if it has one, has as many slots as fit in a block's
    /// shared memory, up to the maximum.</summary>
    private static void CheckRing(StepLayout layout, bool hasRing, int sharedBytesPerBlock)
    {
        var slots = layout.Slots(8, sharedBytesPerBlock, int.MaxValue);
        if (!hasRing)
        {
            Assert.Equal((256, 0), (layout.Threads, layout.SharedBytes(slots)));
            return;
        }

        Assert.Equal(384, layout.Threads);
        Assert.InRange(slots, 4, 32);
        Assert.InRange(layout.SharedBytes(slots), slots * 8 * 1024, sharedBytesPerBlock);
        Assert.True(slots == layout.MaxSlots || layout.SharedBytes(slots + 1) > sharedBytesPerBlock);
    }

    private static KernelBuild Step(int rows, WeightType weights, CacheType cache, LlamaShape? shape = null) =>
        CudaLlama.BuildFor(shape ?? StepChecks.Tiny, weights, cache, rows);

    private static IEnumerable<KernelBuild> OtherBuilds() => KernelSource.Kernels.SelectMany(file => file switch
    {
        "step.cu" => [],
        "step_f32.cu" =>
        [
            Step(8, WeightType.Float32, CacheType.Float32),
            Step(8, WeightType.Float32, CacheType.Float32, NormedShape),
        ],
        "cache_copy.cu" => [new(file, ["CACHE=0"]), new(file, ["CACHE=1"]), new(file, ["CACHE=2"])],
        _ => (KernelBuild[])[new(file, [])],
    });

    /// <remarks>Fewer builds are compiled for older devices. Compute capabilities 8.6 and 8.9 use the code of 8.0, which differs from that
    /// of 9.0 only in its copies and barriers.</remarks>
    private static IEnumerable<KernelBuild> StepBuildsOf(int architecture) =>
        StepBuilds.Take(architecture switch { 80 => 6, 86 or 89 => 2, _ => StepBuilds.Length });
}

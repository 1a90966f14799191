using Xunit;
using Yue.Cuda.Compilation;

namespace Yue.Cuda.Tests;

public sealed class CompilationTests(ITestOutputHelper output)
{
    private static readonly string[] SmallShape =
        ["HIDDEN=256", "INTERMEDIATE=384", "HEADS=8", "KV_HEADS=1", "QK_NORM=0", "MAX_SPLITS=64", "MAX_BLOCKS=256"];

    // 8.6 and 8.9 use the code of 8.0. Two builds show that it compiles for them.
    private static readonly string[] StepBuilds =
    [
        "ROWS=8 WEIGHT=0 CACHE=0", "ROWS=16 WEIGHT=0 CACHE=0", "ROWS=32 WEIGHT=0 CACHE=0", "ROWS=64 WEIGHT=0 CACHE=0",
        "ROWS=8 WEIGHT=1 CACHE=0", "ROWS=8 WEIGHT=2 CACHE=0", "ROWS=16 WEIGHT=0 CACHE=1",
        "ROWS=64 WEIGHT=1 CACHE=1", "ROWS=8 WEIGHT=4 CACHE=0", "ROWS=32 WEIGHT=4 CACHE=0", "ROWS=8 WEIGHT=5 CACHE=0",
        "ROWS=16 WEIGHT=5 CACHE=1", "ROWS=32 WEIGHT=5 CACHE=0", "ROWS=80 WEIGHT=5 CACHE=1", "ROWS=80 WEIGHT=0 CACHE=1",
    ];

    private static readonly string[] NormedStepBuilds =
        ["ROWS=8 WEIGHT=0 CACHE=0", "ROWS=8 WEIGHT=1 CACHE=1", "ROWS=80 WEIGHT=0 CACHE=1"];

    /// <summary>A layer of YuE 2.</summary>
    private static readonly string[] NormedShape =
        ["HIDDEN=2048", "INTERMEDIATE=6144", "HEADS=16", "KV_HEADS=8", "QK_NORM=1", "MAX_SPLITS=64", "MAX_BLOCKS=256"];

    [Theory]
    [InlineData(80)]
    [InlineData(86)]
    [InlineData(89)]
    [InlineData(90)]
    public void Every_kernel_compiles_without_warnings(int architecture)
    {
        Assert.SkipWhen(KernelCompiler.Version(out var reason) is null, reason ?? "");
        CompileAll(architecture);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(120)]
    public void Every_kernel_compiles_for_newer_architectures(int architecture)
    {
        var version = KernelCompiler.Version(out var reason);
        Assert.SkipWhen(version is null, reason ?? "");
        Assert.SkipWhen(Version.Parse(version!).Major < 13, $"NVRTC {version} does not compile for compute capability {architecture / 10}.0");
        CompileAll(architecture);
    }

    [Fact]
    public void A_kernel_that_does_not_compile_is_refused_with_the_compiler_output()
    {
        Assert.SkipWhen(KernelCompiler.Version(out var reason) is null, reason ?? "");
        var shape = SmallShape.Select(value => value == "HIDDEN=256" ? "HIDDEN=100" : value);
        var error = Assert.Throws<KernelCompilationException>(
            () => KernelCompiler.Compile("step.cu", 90, ["ROWS=8", "WEIGHT=0", "CACHE=0", .. shape]));
        Assert.Contains("pieces of 128", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_cache_key_changes_with_definitions_and_architecture()
    {
        var key = KernelCache.Key("step.cu", 90, SmallShape);
        Assert.Equal(key, KernelCache.Key("step.cu", 90, SmallShape));
        Assert.NotEqual(key, KernelCache.Key("step.cu", 80, SmallShape));
        Assert.NotEqual(key, KernelCache.Key("step.cu", 90, ["ROWS=8"]));
        Assert.NotEqual(key, KernelCache.Key("sample.cu", 90, SmallShape));
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

    private void CompileAll(int architecture)
    {
        foreach (var file in KernelSource.Kernels)
        {
            IEnumerable<string[]> builds = file switch
            {
                "step.cu" =>
                    from build in BuildsOf(architecture)
                    select (string[])[.. build.Shape, .. build.Build.Split(' ')],
                "step_f32.cu" => [[.. SmallShape, "CACHE=2"], [.. NormedShape, "CACHE=2"]],
                "cache_copy.cu" => [["CACHE=0"], ["CACHE=1"], ["CACHE=2"]],
                _ => [[]],
            };
            foreach (var build in builds)
            {
                var compiled = KernelCompiler.Compile(file, architecture, build);

                // NVRTC 13 reports nothing when it compiles for sm_90a.
                Assert.Equal(compiled.Log.Trim('\0', '\n', ' ').Length == 0, compiled.Resources.Count == 0);
                foreach (var kernel in compiled.Resources)
                {
                    output.WriteLine(
                        $"sm_{architecture} {kernel.Kernel} {string.Join(' ', build)}: "
                            + $"{kernel.Registers} registers, {kernel.SpillBytes} bytes spilled");
                }
            }
        }
    }

    private static IEnumerable<(string[] Shape, string Build)> BuildsOf(int architecture) => architecture is 80 or 90 or 100 or 120
        ? [.. StepBuilds.Select(build => (SmallShape, build)), .. NormedStepBuilds.Select(build => (NormedShape, build))]
        : [(SmallShape, StepBuilds[0]), (SmallShape, StepBuilds[^1]), (NormedShape, NormedStepBuilds[0])];
}

using Microsoft.ML.OnnxRuntime;
using Yue.Engine.Weights;

namespace Yue.Engine.Separation;

/// <summary>The network of an MDX-Net separator, run by ONNX Runtime on the CPU. Its input and its output are float32 tensors of shape
/// [1, 4, F, T].</summary>
/// <remarks>The four planes are the real and imaginary parts of the left channel, then those of the right channel. F is the number of
/// bins from 0 Hz on, and T the number of frames.</remarks>
internal sealed class MdxNetwork : IDisposable
{
    private const int Planes = 4;

    private readonly InferenceSession _session;
    private readonly string _input;
    private readonly string _output;

    private MdxNetwork(InferenceSession session, string input, string output, int bins, int frames) =>
        (_session, _input, _output, Bins, Frames) = (session, input, output, bins, frames);

    /// <summary>The number of frequency bins that the network processes, F.</summary>
    public int Bins { get; }

    /// <summary>The number of frames that the network processes at once, T.</summary>
    public int Frames { get; }

    /// <summary>Opens an ONNX file and checks the shapes of its input and output.</summary>
    /// <param name="file">The file.</param>
    /// <param name="bins">The number of bins of the transform. The network may process fewer.</param>
    /// <param name="minFrames">The minimum number of frames that overlapping pieces need.</param>
    /// <exception cref="CheckpointException">The file does not exist or is not a separator.</exception>
    public static MdxNetwork Open(string file, int bins, int minFrames)
    {
        var session = Load(file);
        try
        {
            if (session.InputMetadata.Count != 1 || session.OutputMetadata.Count != 1)
            {
                throw new CheckpointException(
                    file, "a separator has one input and one output "
                        + $"(inputs: {session.InputMetadata.Count}, outputs: {session.OutputMetadata.Count})");
            }

            var (input, output) = (session.InputMetadata.Single(), session.OutputMetadata.Single());
            Expect(file, "input", input.Value, bins, minFrames);
            Expect(file, "output", output.Value, bins, minFrames);
            var shape = input.Value.Dimensions;
            if (!shape.AsSpan(2).SequenceEqual(output.Value.Dimensions.AsSpan(2)))
            {
                throw new CheckpointException(
                    file, $"its input is {Text(shape)} and its output {Text(output.Value.Dimensions)}; they must be the same");
            }

            return new MdxNetwork(session, input.Key, output.Key, shape[2], shape[3]);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Runs the network on one piece.</summary>
    /// <param name="planes">[4, <see cref="Bins"/>, <see cref="Frames"/>].</param>
    /// <returns>The output, in the same shape.</returns>
    public float[] Run(float[] planes)
    {
        using var input = OrtValue.CreateTensorValueFromMemory(planes, [1, Planes, Bins, Frames]);
        using var options = new RunOptions();
        using var outputs = _session.Run(options, [_input], [input], [_output]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose() => _session.Dispose();

    private static InferenceSession Load(string file)
    {
        try
        {
            return new InferenceSession(file);
        }
        catch (Exception error) when (error is OnnxRuntimeException or DllNotFoundException or TypeInitializationException)
        {
            throw new CheckpointException(file, $"cannot be loaded: {error.GetBaseException().Message.ReplaceLineEndings(" ")}", error);
        }
    }

    private static void Expect(string file, string what, NodeMetadata found, int bins, int minFrames)
    {
        var expected = $"[1, {Planes}, at most {bins}, at least {minFrames}] of {nameof(Single)}";
        var fits = found is { IsTensor: true, Dimensions: [1 or -1, Planes, > 0 and var F, var T] }
            && found.ElementType == typeof(float) && F <= bins && T >= minFrames;
        if (!fits)
        {
            throw new CheckpointException(
                file, $"its {what} is {Text(found.Dimensions)} of {found.ElementType?.Name}; a separator has {expected}");
        }
    }

    private static string Text(int[] shape) => $"[{string.Join(", ", shape)}]";
}

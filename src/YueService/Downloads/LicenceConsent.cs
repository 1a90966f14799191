using Yue.Engine.Weights;

namespace YueService.Downloads;

/// <summary>Shows the licenses that a user has to accept before checkpoints are downloaded, and asks for consent.</summary>
/// <param name="manifest">The hub and its checkpoints.</param>
/// <param name="input">The input for the answer; null if nobody can answer.</param>
/// <param name="output">Receives the text.</param>
internal sealed class LicenceConsent(ModelManifest manifest, TextReader? input, TextWriter output)
{
    private const string Yes = "yes";

    /// <summary>Asks for consent to the terms of the checkpoints that have any.</summary>
    /// <param name="checkpoints">The checkpoints to download.</param>
    /// <param name="isAccepted">True if the user has already accepted the licenses.</param>
    /// <returns>True if the terms are accepted, or there are none.</returns>
    public async Task<bool> AskAsync(IEnumerable<ManifestCheckpoint> checkpoints, bool isAccepted)
    {
        var bound = checkpoints.Where(checkpoint => checkpoint.Terms is not null).ToList();
        if (bound.Count == 0)
        {
            return true;
        }

        foreach (var same in bound.GroupBy(checkpoint => (checkpoint.Licence, checkpoint.Terms)))
        {
            await output.WriteLineAsync($"License: {same.Key.Licence}");
            foreach (var checkpoint in same)
            {
                await output.WriteLineAsync($"  {checkpoint.About}: {new Uri(manifest.Hub, checkpoint.Repository)}");
            }

            await output.WriteLineAsync($"  {same.Key.Terms}");
        }

        if (isAccepted)
        {
            return true;
        }

        if (input is null)
        {
            return false;
        }

        await output.WriteAsync($"Do you accept? Type {Yes} to continue: ");
        await output.FlushAsync();
        return string.Equals((await input.ReadLineAsync())?.Trim(), Yes, StringComparison.OrdinalIgnoreCase);
    }
}

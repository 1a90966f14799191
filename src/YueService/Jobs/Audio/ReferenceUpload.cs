namespace YueService.Jobs.Audio;

/// <summary>A reference clip as it was sent, not looked into yet.</summary>
/// <param name="Files">The file of <c>reference.audio</c>, or those of <c>reference.vocal</c> and <c>reference.instrumental</c>, by the
/// field's name.</param>
/// <param name="StartSeconds">Where the stretch that is heard begins.</param>
/// <param name="EndSeconds">Where it ends.</param>
/// <param name="Separate">Whether the mixed clip is to be split into vocal and instrumental.</param>
internal sealed record ReferenceUpload(
    IReadOnlyList<KeyValuePair<string, ClipFile>> Files, double StartSeconds, double EndSeconds, bool Separate);

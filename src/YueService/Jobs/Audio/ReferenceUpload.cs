namespace YueService.Jobs.Audio;

/// <summary>A reference clip as it was sent, not decoded yet.</summary>
/// <param name="Files">The file of <c>reference.audio</c> or <c>reference.clip</c>, or those of <c>reference.vocal</c> and
/// <c>reference.instrumental</c>, by the field's name.</param>
/// <param name="StartSeconds">The start of the part to use.</param>
/// <param name="EndSeconds">The end of that part.</param>
/// <param name="Separate">True if the mixed clip is to be split into vocal and instrumental.</param>
internal sealed record ReferenceUpload(
    IReadOnlyList<KeyValuePair<string, ClipFile>> Files, double StartSeconds, double EndSeconds, bool Separate);

"""Computes figures from the codes of stage 1, quickly and without rendering sound."""
import numpy as np
from . import codes, genre, phonemes, score
from .hear import vowels

_STUCK_BARS = 3                                 # a song with more bars in a row without a chord onset or a hit is stuck


def vowels_of(voice):
    """Returns the vowels of a vocal track's codes in order."""
    found, last = [], None
    for code in voice:
        vowel = codes.vowel_of(code)
        if vowel and code != last:
            found.append(vowel)
        last = code
    return found


def step_of(band):
    """Returns the length of an eighth note, in frames, at which a drum pattern best matches a section's hits, and the agreement (1 is
    exact)."""
    hits = np.array([codes.hit_of(code) for code in band])
    best = (0.0, 0)
    for step in genre.STEP_FRAMES:
        frames = np.arange(len(hits))
        for pattern in score.DRUMS.values():
            kinds = np.array([score.DRUM_KINDS.find(d) if d != "." else 0 for d in pattern])
            wanted = kinds[frames // step % score.STEPS] * (frames % step == 0)
            right = ((hits == wanted) & (hits > 0)).sum()
            best = max(best, (2 * right / max(1, (hits > 0).sum() + (wanted > 0).sum()), step))
    return best[1], best[0]


def figures(asked, sections, ended):
    """Returns the figures of one song. sections: [(codes of the voice, codes of the band), ...], codebook 0."""
    voice, band = (np.concatenate(track) for track in zip(*sections))
    wanted = [s.vowel for _, words in asked.sections for line in phonemes.lines_of(words) for s in line.syllables]
    pitches = np.array([p for p in map(codes.pitch_of, voice) if p])
    chords = [c for c in map(codes.chord_of, band) if c]
    step, agreement = step_of(max(sections, key=lambda s: len(s[1]))[1])
    begins = np.flatnonzero(np.r_[[codes.begins(code) for code in band], True])
    instruments = np.bincount([c[2] for c in chords], minlength=4)
    scales = [asked.scale] if asked.scale else [genre.scale_of(tonic, 0) for tonic in range(12)]
    return {
        "song": asked.name, "line": asked.genre_line,
        "in_key": max((float(np.isin(pitches % 12, s).mean()) if len(pitches) else 0.0) for s in scales),
        "bpm": round(genre.tempo_of(step)), "steady": round(agreement, 2),
        "tempo_right": None if asked.tempo_bpm is None else genre.tempo_of(step) == asked.tempo_bpm,
        "vowels_right": vowels.right(vowels_of(voice), wanted), "vowels_wanted": len(wanted),
        "mode_right": None if asked.mode is None else bool((np.mean([c[1] for c in chords]) > 0.5) == bool(asked.mode)),
        "register_right": None if asked.voice is None else len(pitches) > 0 and bool((np.median(pitches) >= 57) == bool(asked.voice)),
        "instrument_right": None if asked.instruments is None else int(instruments.argmax()) in asked.instruments,
        "one_instrument": round(float(instruments.max() / instruments.sum()), 2),
        "voiced": round(float(len(pitches) / len(voice)), 2),
        "longest_hold": round(float(np.diff(begins).max() / (score.STEPS * step)), 1) if len(begins) > 1 else 99.0,
        "fades": bool(codes.fades(sections[-1][1][-1])) if len(sections[-1][1]) else False, "ended": ended,
        "seconds": [len(s[0]) / codes.FRAMES_PER_SECOND for s in sections]}


def is_stuck(one):
    return one["voiced"] < 0.1 or one["longest_hold"] > _STUCK_BARS


def summary(songs):
    def share(name):
        asked = [s[name] for s in songs if s[name] is not None]
        return round(float(np.mean(asked)), 3) if asked else None, len(asked)

    ended = [e for s in songs for e in s["ended"]]
    right = sum(s["vowels_right"] for s in songs) / sum(s["vowels_wanted"] for s in songs)
    return {
        "songs": len(songs), "in key": round(float(np.mean([s["in_key"] for s in songs])), 3), "vowels": round(right, 3),
        "ended": (round(float(np.mean(ended)), 3), len(ended)),
        "stuck": int(sum(map(is_stuck, songs))), "fade": int(sum(s["fades"] for s in songs)),
        "unsteady": int(sum(s["steady"] < 0.6 for s in songs)),
        **{name: share(name) for name in ("tempo_right", "mode_right", "register_right", "instrument_right")}}

"""Converts lyrics and a genre to 20 ms frames, each with its phoneme, pitch, chord and drum hit.

All events are at frame boundaries. The instrumental track is on the beat; the voice enters one frame later.
"""
from dataclasses import dataclass, field
import numpy as np
from . import phonemes

STEPS = 8                                       # eighth notes per bar
VOICE_LAG = 1                                   # frames
LOWEST_PITCH, PITCHES = 45, 25                  # MIDI numbers
_RANGES = ((45, 56), (58, 69))                  # male, female: lowest and highest note, one octave each
DRUMS = {"rock": "KHSHKHSH", "dance": "KHKHKHKH", "soft": "K.H.S.H.", "hip hop": "KHSHHKSH", "metal": "KKSKKKSK"}
# A section ends with a last chord that sounds and then fades. The chord takes 2, 4 or 8 steps, and at least 40 frames.
RELEASE_AT, _MIN_ENDING = 10, 40               # frames after the last onset
_STRIKES = ((0, 2, 4, 6), (0, 2, 3, 4, 6, 7), (0, 4), (0,))     # by instrument: steps of a bar
REST, DRUM_KINDS = 0, " KSH"
PHONEMES = " " + phonemes.STOPS + phonemes.FRICATIVES + phonemes.GLOTTAL + phonemes.VOWEL_NAMES + phonemes.SONORANTS
FIRST_PITCHED = PHONEMES.index("a")
_FRAMES = {**dict.fromkeys(phonemes.STOPS, 2), **dict.fromkeys(phonemes.FRICATIVES, 3), phonemes.GLOTTAL: 1, **dict.fromkeys(phonemes.SONORANTS, 2)}


@dataclass
class Frames:
    """One section with one value per frame: int16 arrays of equal length."""
    phoneme: np.ndarray         # index into PHONEMES
    pitch: np.ndarray           # 0 to PITCHES - 1; 0 if unpitched
    from_pitch: np.ndarray      # semitones from this note up to the previous one, clipped to -4 to 4
    age: np.ndarray             # frames since the phoneme or its pitch changed
    root: np.ndarray            # chord root, semitones above C
    quality: np.ndarray         # 1 if minor, 0 if major
    strike: np.ndarray          # 1 if the chord is struck in this frame
    strike_age: np.ndarray      # frames since the last strike
    release: np.ndarray         # frames since the last chord began to fade, counted from 1; 0 before that
    drum: np.ndarray            # index into DRUM_KINDS of the last hit
    drum_age: np.ndarray        # frames since the last hit
    instrument: int
    notes: list = field(default_factory=list)   # (first vowel frame, end frame, MIDI pitch, vowel)

    def __len__(self):
        return len(self.phoneme)


def ending_steps(step_frames):
    """Returns the number of steps of a section's last chord."""
    return next(steps for steps in (2, 4, 8) if steps * step_frames >= _MIN_ENDING)


def _lengths(step_frames):
    """Returns the possible note lengths in steps, and their weights. Slow songs use shorter note values."""
    if step_frames < 14:
        return (2, 3, 4), (75, 10, 15)
    return ((1, 2, 3), (35, 55, 10)) if step_frames < 20 else ((1, 2), (70, 30))


def _melody(random, genre, line, position):
    """Returns the notes of a line, one (first step, length in steps, MIDI pitch) per syllable; the number of steps in the line, rounded up
    to whole bars with at least one step of rest; and the last note's index in the scale."""
    low, high = _RANGES[genre.voice]
    scale = [p for p in range(low, high + 1) if p % 12 in genre.scale]
    lengths, weights = _lengths(genre.step_frames)
    notes, step = [], 0
    for i in range(len(line.syllables)):
        position = min(max(position + random.choices((-2, -1, 0, 1, 2), (15, 28, 14, 28, 15))[0], 0), len(scale) - 1)
        length = random.choices(lengths, weights)[0]
        if i == len(line.syllables) - 1:
            length = 4
        if step % 4 == 0 or length == 4:
            position = _nearest_chord_tone(scale, position, genre, step)
        notes.append((step, length, scale[position]))
        step += length
    return notes, -(-(step + 1) // STEPS) * STEPS, position


def _nearest_chord_tone(scale, position, genre, step):
    root, quality = genre.chord(step // STEPS)
    tones = {root, (root + 4 - quality) % 12, (root + 7) % 12}
    return min((i for i in range(len(scale)) if scale[i] % 12 in tones), key=lambda i: abs(i - position))


class _Voice:
    """Writes the vocal track's frames."""

    def __init__(self, frames):
        self.phoneme, self.pitch, self.from_pitch = (np.zeros(frames, np.int16) for _ in range(3))
        self.notes = []
        self._at, self._last = 0, None

    def consonants(self, at, symbols, midi):
        self._at = max(at, self._at)
        for symbol in symbols:
            end = self._at + _FRAMES[symbol]
            self._write(self._at, end, symbol, midi if symbol in phonemes.SONORANTS else None, 0)
            self._at = end

    def vowel(self, symbol, end, midi):
        leap = 0 if self._last is None else int(np.clip(self._last - midi, -4, 4))
        self._write(self._at, end, symbol, midi, leap)
        self.notes.append((self._at, end, midi, symbol))
        self._at, self._last = end, midi

    def rest(self):
        self._last = None

    def _write(self, start, end, symbol, midi, leap):
        self.phoneme[start:end] = PHONEMES.index(symbol)
        if midi is not None:
            self.pitch[start:end] = midi - LOWEST_PITCH
            self.from_pitch[start:end] = leap


def _sing(random, genre, lines):
    """Returns the vocal track of the lines and the number of steps before the section's ending."""
    written, total, position = [], 0, 3
    for line in lines:
        notes, steps, position = _melody(random, genre, line, position)
        written.append((line, total, notes))
        total += steps
    total = total or 2 * STEPS
    n = genre.step_frames
    voice = _Voice((total + ending_steps(n)) * n)
    for line, start, notes in written:
        for syllable, (step, length, midi) in zip(line.syllables, notes):
            at = (start + step) * n + VOICE_LAG
            voice.consonants(at, syllable.onset, midi)
            voice.vowel(syllable.vowel, at + length * n, midi)
        voice.consonants(at + length * n, line.coda, midi)
        voice.rest()
    return voice, total


def _play(genre, steps):
    """Returns the instrumental track with one value per frame: the root and quality of the chord, chord onsets, drum hits, and the age of
    the fade. The ending follows after the given number of steps."""
    n = genre.step_frames
    drums = DRUMS[genre.drums]
    frames = np.arange((steps + ending_steps(n)) * n)
    step = frames // n % STEPS
    on_step = frames % n == 0
    chords = np.array([genre.chord(bar) for bar in range(len(frames) // (n * STEPS) + 1)], np.int16)[frames // (n * STEPS)]
    strike = on_step & np.isin(step, _STRIKES[genre.instrument])
    hit = np.array([DRUM_KINDS.find(d) if d != "." else 0 for d in drums], np.int16)[step] * on_step
    end = steps * n
    chords[end:], strike[end:], hit[end:] = genre.last_chord, False, 0
    strike[end], hit[end] = True, DRUM_KINDS.index("K")
    release = np.maximum(frames - (end + RELEASE_AT - 1), 0).astype(np.int16)
    return chords[:, 0], chords[:, 1], strike, hit, release


def _age(starts):
    """Returns the number of frames since the last true value, or since the beginning if there was none yet."""
    index = np.arange(len(starts))
    return (index - np.maximum.accumulate(np.where(starts, index, 0))).astype(np.int16)


def section(random, genre, words):
    """Returns the frames of one section."""
    voice, steps = _sing(random, genre, phonemes.lines_of(words))
    root, quality, strike, hit, release = _play(genre, steps)
    begins = np.r_[True, (np.diff(voice.phoneme) != 0) | (np.diff(voice.pitch) != 0)]
    last_hit = np.maximum.accumulate(np.where(hit > 0, np.arange(len(hit)), 0))
    return Frames(
        phoneme=voice.phoneme, pitch=voice.pitch, from_pitch=voice.from_pitch, age=_age(begins), root=root, quality=quality,
        strike=strike.astype(np.int16), strike_age=_age(strike), release=release, drum=hit[last_hit], drum_age=_age(hit > 0), instrument=genre.instrument, notes=voice.notes)

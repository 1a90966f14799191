"""The meaning of the codec's codes, and the codebook rows that represent them.

A frame's eight codes contain everything that its sound depends on, so that language models can write them and a decoder can play them:

    0  voice: phoneme and pitch; instruments: chord, instrument, and onsets or the state of the chord's fade
       (stage 1 writes only codebook 0)
    1  voice: the phoneme's age and the leap into it; instruments: instrument and frames since the onset, or since the chord began to fade
    2  voice: phase at the frame's start, and its change during the frame
    3  pitch and phase of a low tone: the bass, or a man's voice
    4  pitch and phase of a tone: the chord's root, or a woman's voice
    5, 6  instruments: pitch and phase of the chord's third and fifth
    7  drums: the hit and its age

Frequencies are multiples of 50/32 Hz, so phases at frame boundaries are exact 32nds of a cycle. The codebooks use disjoint
channels of the embedding: each step of the residual quantizer reads the channels of one codebook and does not change the others.
"""
import numpy as np
from . import score

CODEBOOKS, CODES = 8, 1024
PHASES = 32
FRAMES_PER_SECOND = 50
UNITS_PER_HZ = PHASES / 50                      # phase units per frame and hertz
_PITCHED, _HOLD, _STRIKE, _DRUM, _RELEASE, _LOW = 32, 320, 416, 800, 804, 900       # the first code of each kind in codebook 0
_LOW_FROM = 13                                  # a fading chord is nearly silent from this frame of its fade on
_AGES, _LEAPS, _STRIKE_AGES, _INSTRUMENTS = 32, 9, 64, 4
_RELEASE_AGES, RELEASE_FRAMES = 40, 7.0         # the number of distinct ages; the number of frames in which a fading chord falls to 1/e
_FIRST_STRIKE_AGE = 300                         # in codebook 1
_FIRST_RELEASE_AGE = _FIRST_STRIKE_AGE + _INSTRUMENTS * _STRIKE_AGES
_VIBRATO_FRAMES, _VIBRATO_DELAY = 9, 8
_HIT_FRAMES = {"K": 12, "S": 10, "H": 4}
_PITCHED_PHONEMES = len(score.PHONEMES) - score.FIRST_PITCHED
_BASS_LOW, _CHORD_LOW = 45, 58                  # lowest MIDI numbers of codebook 3 and of codebooks 4 to 6, one octave each


def frequency_hz(midi):
    return 440 * 2 ** ((np.asarray(midi) - 69) / 12)


def _units(midi):
    return np.rint(frequency_hz(midi) * UNITS_PER_HZ).astype(np.int64)


def _above(low, pitch_class):
    return low + (pitch_class - low) % 12


BASS_UNITS = _units(_above(_BASS_LOW, np.arange(12)))
CHORD_UNITS = _units(_above(_CHORD_LOW, np.arange(12)))


def wrapped_age(age):
    """Returns ages below 32. A whole number of vibrato cycles is subtracted from ages of 32 and above."""
    cycles = 2 * _VIBRATO_FRAMES
    return np.where(age < _AGES, age, _AGES - cycles + (age - _AGES) % cycles)


def voice_units(frames):
    """Returns the voice's phase units per frame from its note, vibrato, and the glide from the previous note."""
    midi = frames.pitch + score.LOWEST_PITCH
    is_vowel = (frames.phoneme >= score.FIRST_PITCHED) & (frames.phoneme < score.FIRST_PITCHED + 5)
    age = wrapped_age(frames.age)
    glide = frames.from_pitch * np.array([0.6, 0.35, 0.15] + [0.0] * (_AGES - 3))[age]
    units = np.rint(frequency_hz(midi + glide * is_vowel) * UNITS_PER_HZ).astype(np.int64)
    depth = np.rint(frequency_hz(midi) * UNITS_PER_HZ * 0.0145)
    swing = np.where(age >= _VIBRATO_DELAY, np.sin(2 * np.pi * (age - _VIBRATO_DELAY) / _VIBRATO_FRAMES), 0)
    return units + np.rint(depth * swing).astype(np.int64) * is_vowel


def voice_phases(frames, units):
    """Returns the phase at each frame's start, in units; 0 at the beginning of a pitched part."""
    pitched = frames.phoneme >= score.FIRST_PITCHED
    before = np.cumsum(units * pitched) - units * pitched
    begins = pitched & ~np.r_[False, pitched[:-1]]
    start = np.maximum.accumulate(np.where(begins, np.arange(len(units)), 0))
    return np.where(pitched, (before - before[start]) % PHASES, 0)


def tones(root, quality):
    """Returns the pitch classes of a chord: bass, root, third, fifth."""
    return root, root, (root + 4 - quality) % 12, (root + 7) % 12


def vocal(frames):
    """Returns the codes of the vocal track, [8, F]."""
    phoneme, pitched = frames.phoneme.astype(np.int64), frames.phoneme >= score.FIRST_PITCHED
    codes = np.zeros((CODEBOOKS, len(frames)), np.int64)
    codes[0] = np.where(pitched, _PITCHED + (phoneme - score.FIRST_PITCHED) * score.PITCHES + frames.pitch, phoneme)
    codes[1] = np.where(phoneme > 0, 1 + (frames.from_pitch + _LEAPS // 2) * _AGES + wrapped_age(frames.age), 0)
    units = voice_units(frames)
    phases = voice_phases(frames, units)
    codes[2] = np.where(pitched, units % PHASES * PHASES + phases, 0)
    midi = frames.pitch.astype(np.int64) + score.LOWEST_PITCH
    is_high = midi >= _CHORD_LOW
    tone = 1 + midi % 12 * PHASES + phases
    codes[3], codes[4] = np.where(pitched & ~is_high, tone, 0), np.where(pitched & is_high, tone, 0)
    return codes


def instrumental(frames):
    """Returns the codes of the instrumental track, [8, F]."""
    codes = np.zeros((CODEBOOKS, len(frames)), np.int64)
    chord = (frames.root.astype(np.int64) * 2 + frames.quality) * _INSTRUMENTS + frames.instrument
    hit = np.where(frames.drum_age == 0, frames.drum, 0)
    codes[0] = np.where(frames.strike > 0, _STRIKE + chord * 4 + hit, np.where(hit > 0, _DRUM + hit, _HOLD + chord))
    codes[0] = np.where(frames.release > 0, np.where(frames.release < _LOW_FROM, _RELEASE, _LOW) + chord, codes[0])
    codes[1] = _FIRST_STRIKE_AGE + frames.instrument * _STRIKE_AGES + np.minimum(frames.strike_age, _STRIKE_AGES - 1)
    codes[1] = np.where(frames.release > 0, _FIRST_RELEASE_AGE + frames.instrument * _RELEASE_AGES + np.clip(frames.release, 1, _RELEASE_AGES) - 1, codes[1])
    for slot, (pitch_class, units) in enumerate(zip(tones(frames.root, frames.quality), (BASS_UNITS, CHORD_UNITS, CHORD_UNITS, CHORD_UNITS))):
        codes[3 + slot] = 1 + pitch_class * PHASES + units[pitch_class] * frames.strike_age % PHASES
    for kind, length in _HIT_FRAMES.items():
        is_on = (frames.drum == score.DRUM_KINDS.index(kind)) & (frames.drum_age < length)
        codes[7] = np.where(is_on, _first_hit(kind) + frames.drum_age, codes[7])
    return codes


def vowel_of(code):
    """Returns the vowel of a vocal track's codebook-0 code, or an empty string."""
    phoneme = (code - _PITCHED) // score.PITCHES
    return score.PHONEMES[score.FIRST_PITCHED + phoneme] if _PITCHED <= code and phoneme < 5 else ""


def pitch_of(code):
    """Returns the MIDI number of a vocal track's codebook-0 code, or 0."""
    return score.LOWEST_PITCH + (code - _PITCHED) % score.PITCHES if _PITCHED <= code < _PITCHED + _PITCHED_PHONEMES * score.PITCHES else 0


def chord_of(code):
    """Returns the root, quality and instrument of an instrumental track's codebook-0 code, or None."""
    if _STRIKE <= code < _DRUM:
        chord = (code - _STRIKE) // 4
    elif _HOLD <= code < _STRIKE:
        chord = code - _HOLD
    else:
        chord = (code - _RELEASE) % (_LOW - _RELEASE) if fades(code) else None
    return None if chord is None else (chord // _INSTRUMENTS // 2, chord // _INSTRUMENTS % 2, chord % _INSTRUMENTS)


def hit_of(code):
    """Returns the drum hit at an instrumental track's codebook-0 code, as an index into DRUM_KINDS; 0 means none."""
    return (code - _STRIKE) % 4 if _STRIKE <= code < _DRUM else code - _DRUM if _DRUM <= code < _RELEASE else 0


def begins(code):
    """Returns True if a chord or a drum hit begins at an instrumental track's codebook-0 code."""
    return _STRIKE <= code < _RELEASE


def fades(code):
    """Returns True if a codebook-0 code belongs to a fading chord. For an array of codes, returns an array."""
    return (_RELEASE <= code) & (code < _LOW + 24 * _INSTRUMENTS)


def _first_hit(kind):
    return 1 + sum(length for other, length in _HIT_FRAMES.items() if score.DRUM_KINDS.index(other) < score.DRUM_KINDS.index(kind))


def _one_hot(index, size):
    return np.eye(size)[index]


def _circle(phase, harmonics):
    angle = 2 * np.pi * np.arange(1, harmonics + 1) * phase / PHASES
    return np.r_[np.cos(angle), np.sin(angle)]


def _rows_0():
    sizes = (score.PITCHES, len(score.PHONEMES), 12, 2, _INSTRUMENTS, 1, 3)
    at = np.r_[0, np.cumsum(sizes)]
    rows = np.tile(_row(at, (1, 0)), (CODES, 1))            # rest
    for phoneme in range(1, score.FIRST_PITCHED):
        rows[phoneme] = _row(at, (1, phoneme))
    for i in range(_PITCHED_PHONEMES):
        for pitch in range(score.PITCHES):
            rows[_PITCHED + i * score.PITCHES + pitch] = _row(at, (1, score.FIRST_PITCHED + i), (0, pitch))
    for chord in range(24 * _INSTRUMENTS):
        sounding = ((2, chord // _INSTRUMENTS // 2), (3, chord // _INSTRUMENTS % 2), (4, chord % _INSTRUMENTS))
        rows[_HOLD + chord] = _row(at, *sounding)
        rows[_RELEASE + chord] = rows[_LOW + chord] = rows[_HOLD + chord]
        rows[_RELEASE + chord, at[5]], rows[_LOW + chord, at[5]] = -1, -2       # the opposite of an onset
        for hit in range(4):
            rows[_STRIKE + chord * 4 + hit] = _row(at, *sounding, (5, 0), *(((6, hit - 1),) if hit else ()))
    for hit in range(1, 4):
        rows[_DRUM + hit] = _row(at, (6, hit - 1))
    return rows


def _row(at, *features):
    row = np.zeros(at[-1])
    for group, index in features:
        row[at[group] + index] = 1
    return row


def _rows_1():
    rows = np.zeros((CODES, 13 + 7 + _INSTRUMENTS))
    for leap in range(_LEAPS):
        for age in range(_AGES):
            angle = 2 * np.pi * (age - _VIBRATO_DELAY) / _VIBRATO_FRAMES
            swing = (np.cos(angle), np.sin(angle)) if age >= _VIBRATO_DELAY else (0, 0)
            young = _one_hot(min(age, 8), 9)[:8]
            rows[1 + leap * _AGES + age, :13] = np.r_[young, swing, age / _AGES, (leap - _LEAPS // 2) / 4, 1]
    for instrument in range(_INSTRUMENTS):
        for age in range(_STRIKE_AGES):
            fading = (np.exp(-age / 8), np.exp(-age / 25), age / _STRIKE_AGES)
            rows[_FIRST_STRIKE_AGE + instrument * _STRIKE_AGES + age, 13:] = np.r_[_one_hot(min(age, 4), 5)[:4], fading, _one_hot(instrument, _INSTRUMENTS)]
        for release in range(1, _RELEASE_AGES + 1):
            age, gain = score.RELEASE_AT - 1 + release, np.exp(-release / RELEASE_FRAMES)
            fading = (gain * np.exp(-age / 8), gain * np.exp(-age / 25), age / _STRIKE_AGES)
            rows[_FIRST_RELEASE_AGE + instrument * _RELEASE_AGES + release - 1, 13:] = np.r_[np.zeros(4), fading, gain * _one_hot(instrument, _INSTRUMENTS)]
    return rows


def _rows_2():
    return np.array([np.r_[_circle(code % PHASES, 12), _circle(code // PHASES, 2)] for code in range(CODES)])


def _rows_tone():
    rows = np.zeros((CODES, 24))
    for code in range(12 * PHASES):
        rows[1 + code] = np.kron(_one_hot(code // PHASES, 12), _circle(code % PHASES, 1))
    return rows


def _rows_7():
    hits = sum(_HIT_FRAMES.values())
    rows = np.zeros((CODES, hits))
    rows[1:1 + hits] = np.eye(hits)
    return rows


def codebooks():
    """Returns the rows of every codebook, float32 [8, 1024, C]. Unused codes have the row of a rest in codebook 0, and zeros elsewhere."""
    parts = [_rows_0(), _rows_1(), _rows_2()] + [_rows_tone() for _ in range(4)] + [_rows_7()]
    rows = np.zeros((CODEBOOKS, CODES, sum(part.shape[1] for part in parts)), np.float32)
    at = 0
    for k, part in enumerate(parts):
        rows[k, :, at:at + part.shape[1]] = part
        at += part.shape[1]
    return rows

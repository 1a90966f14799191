"""Detects the vowels of a voice by comparing its harmonics with formant patterns, and compares them with the lyrics."""
import numpy as np
from .. import formants, phonemes
from .pitch import FEMALE_HZ, HOP, RATE_HZ, frames_of

_WINDOW, _HIGHEST_HZ = 512, 3800
_SYMBOLS = phonemes.VOWEL_NAMES + phonemes.SONORANTS
_MIN_HOPS = 4                                   # the minimum length of a vowel
_GAP = 4.0                                      # the cost of an inserted or missing syllable; a correct one scores 1


def _pattern_db(symbol, hertz, scale):
    """Returns the levels of a phoneme's harmonics according to its formants."""
    *centers, _ = formants.PATTERNS[symbol]
    gain = -20 * np.log10(hertz)
    for center, bandwidth in zip(scale * np.array([*centers, *formants.UPPER_HZ]), formants.BANDWIDTHS_HZ):
        gain -= 10 * np.log10((1 - (hertz / center) ** 2) ** 2 + (hertz * bandwidth / center ** 2) ** 2)
    return gain


def _harmonics_db(frame, hertz):
    """Returns the levels of a frame's harmonics."""
    time = (np.arange(len(frame)) - len(frame) / 2) / RATE_HZ
    window = np.hanning(len(frame))
    return 20 * np.log10(np.abs(np.exp(-2j * np.pi * np.outer(hertz, time)) @ (frame * window)) + 1e-6)


def _classify(frame, f0):
    """Returns the index of the phoneme with the best-fitting formants."""
    hertz = f0 * np.arange(1, int(_HIGHEST_HZ / f0) + 1)
    heard = _harmonics_db(frame, hertz)
    weight = 1 / (1 + (hertz / 2500) ** 2)
    scale = formants.FEMALE_SCALE if f0 > FEMALE_HZ else 1.0

    def distance(symbol):
        apart = heard - _pattern_db(symbol, hertz, scale)
        apart = apart - np.sum(weight * apart) / weight.sum()
        return np.sum(weight * np.minimum(np.abs(apart), 15))

    return min(range(len(_SYMBOLS)), key=lambda i: distance(_SYMBOLS[i]))


def sung(wave, pitch):
    """Returns the detected vowels in order: (first hop, the hop after the last, vowel)."""
    frames = frames_of(wave.astype(np.float64), _WINDOW)
    found = np.full(len(pitch.hertz), -1)
    for t in np.flatnonzero((pitch.hertz > 0) & (pitch.level_db > -18)):
        found[t] = _classify(frames[t], pitch.hertz[t])
    smooth = found.copy()
    for t in range(1, len(found) - 1):          # a hop between two equal neighbors takes their value
        if found[t - 1] == found[t + 1] and found[t] >= 0:
            smooth[t] = found[t - 1]
    runs, start = [], 0
    for t in range(1, len(smooth) + 1):
        if t == len(smooth) or smooth[t] != smooth[start]:
            if 0 <= smooth[start] < len(phonemes.VOWEL_NAMES) and t - start >= _MIN_HOPS:
                runs.append((start, t, phonemes.VOWEL_NAMES[smooth[start]]))
            start = t
    return _joined(runs)


def _joined(runs):
    """Joins pieces of the same vowel with at most one hop between them."""
    out = []
    for run in runs:
        if out and out[-1][2] == run[2] and run[0] - out[-1][1] <= 1:
            out[-1] = (out[-1][0], run[1], run[2])
        else:
            out.append(run)
    return out


def right(heard, wanted):
    """Returns the number of expected vowels that were detected, aligned in order. Gaps have a cost, so that unrelated texts cannot
    match well by skipping vowels."""
    best = -_GAP * np.arange(len(wanted) + 1)
    count = np.zeros(len(wanted) + 1)
    for i, vowel in enumerate(heard, 1):
        row, number = np.empty_like(best), np.zeros_like(count)
        row[0] = -_GAP * i
        for j, want in enumerate(wanted, 1):
            match = float(vowel == want)
            options = ((best[j - 1] + match, count[j - 1] + match), (best[j] - _GAP, count[j]), (row[j - 1] - _GAP, number[j - 1]))
            row[j], number[j] = max(options)
        best, count = row, number
    return int(count[-1])

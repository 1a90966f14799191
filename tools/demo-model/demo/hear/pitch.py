"""Measures the pitch of a voice with YIN."""
from dataclasses import dataclass
import numpy as np

RATE_HZ, HOP, WINDOW = 16000, 160, 640          # a hop is 10 ms, a window 40 ms
_LOWEST_HZ, _HIGHEST_HZ = 80, 600
_THRESHOLD, _VOICED, _QUIET_DB = 0.12, 0.25, -35
FEMALE_HZ = 220.0                               # between the ranges of the two voices


@dataclass
class Pitch:
    """One value per hop of 10 ms. hertz is 0 if there is no voice."""
    hertz: np.ndarray
    level_db: np.ndarray        # relative to the track's loud parts


def frames_of(wave, size=WINDOW, hop=HOP):
    """Returns [T, size], with frame t centered at sample t · hop."""
    padded = np.pad(wave, (size // 2, size // 2 + hop))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[:(len(wave) + hop - 1) // hop * hop:hop]


def _normalized_difference(frames, longest):
    """Returns YIN's cumulative mean normalized difference, [T, longest]."""
    half = frames.shape[1] - longest
    size = 1 << (frames.shape[1] + half).bit_length()
    spectrum = np.fft.rfft(frames, size)
    cross = np.fft.irfft(np.conj(np.fft.rfft(frames[:, :half], size)) * spectrum, size)[:, :longest]
    energy = np.cumsum(np.pad(frames ** 2, ((0, 0), (1, 0))), 1)
    power = energy[:, half:half + longest] - energy[:, :longest]
    difference = np.maximum(power[:, :1] + power - 2 * cross, 0)
    mean = np.cumsum(difference, 1) / np.maximum(np.arange(longest), 1)
    out = difference / np.maximum(mean, 1e-12)
    out[:, 0] = 1
    return out


def track(wave):
    """Returns the pitch of a solo voice."""
    frames = frames_of(wave.astype(np.float64))
    level = 10 * np.log10((frames ** 2).mean(1) + 1e-12)
    level -= np.percentile(level, 95)
    first, last = RATE_HZ // _HIGHEST_HZ, RATE_HZ // _LOWEST_HZ
    d = _normalized_difference(frames, last + 2)
    hertz = np.zeros(len(d))
    for t in np.flatnonzero(level > _QUIET_DB):
        row = d[t]
        below = np.flatnonzero(row[first:last] < _THRESHOLD)
        lag = first + (below[0] if len(below) else int(np.argmin(row[first:last])))
        while lag + 1 < last and row[lag + 1] < row[lag]:
            lag += 1
        if row[lag] < _VOICED:
            a, b, c = row[lag - 1:lag + 2]
            hertz[t] = RATE_HZ / (lag + 0.5 * (a - c) / max(a - 2 * b + c, 1e-9))
    return Pitch(hertz, level)


def in_key(pitch, scale):
    """Returns the share of the voiced frames within 50 cents of a note of the scale (pitch classes)."""
    voiced = pitch.hertz[pitch.hertz > 0]
    if len(voiced) == 0:
        return 0.0
    midi = 69 + 12 * np.log2(voiced / 440)
    return float(np.isin(np.rint(midi).astype(int) % 12, list(scale)).mean())


def is_female(pitch):
    voiced = pitch.hertz[pitch.hertz > 0]
    return bool(len(voiced)) and float(np.median(voiced)) > FEMALE_HZ

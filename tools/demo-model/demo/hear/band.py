"""Measures the tempo, mode and instrument of an instrumental track."""
import numpy as np
from .pitch import RATE_HZ, frames_of

_HOP, _WINDOW = 160, 1024
_BEATS_PER_MINUTE = (70, 155)


def _spectra(wave, hop=_HOP, window=_WINDOW):
    return np.abs(np.fft.rfft(frames_of(wave.astype(np.float64), window, hop) * np.hanning(window))) / (window / 4)


def tempo_bpm(wave):
    """Returns the beats per minute, from the autocorrelation of onsets."""
    level = np.log(_spectra(wave) + 1e-3)
    onset = np.maximum(np.diff(level, axis=0), 0).sum(1)
    onset = onset - np.convolve(onset, np.ones(50) / 50, "same")
    size = 1 << (2 * len(onset)).bit_length()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(onset, size)) ** 2)[:len(onset)]
    correlation /= np.arange(len(onset), 0, -1)
    low, high = _BEATS_PER_MINUTE
    candidates = np.geomspace(low, high, 800)
    periods = 60 * RATE_HZ / _HOP / candidates
    beats = np.arange(1, max(2, min(17, int(len(onset) * 0.8 / periods.max()))))
    score = np.interp(periods[:, None] * beats, np.arange(len(onset)), correlation).mean(1)
    return float(candidates[np.argmax(score)])


def same_tempo(a, b):
    """Returns True if two tempos are within 3 % of each other. Double and half the tempo count as the same."""
    return any(abs(a * factor / b - 1) < 0.03 for factor in (0.5, 1, 2))


def _chroma(wave):
    """Returns the energy by pitch class in half-second pieces, for the octave of the chords."""
    spectra = _spectra(wave, hop=4000, window=8192)
    hertz = np.fft.rfftfreq(8192, 1 / RATE_HZ)
    out = np.zeros((len(spectra), 12))
    for midi in range(58, 70):
        center = 440 * 2 ** ((midi - 69) / 12)
        near = np.abs(hertz - center) < max(6.0, center * 0.02)
        out[:, midi % 12] += spectra[:, near].max(1)
    return out


def minor_share(wave):
    """Returns the share of the time in which the best-fitting triad is minor, not counting quiet parts."""
    chroma = _chroma(wave)
    chroma = chroma[chroma.sum(1) > 0.1 * np.median(chroma.sum(1))]
    triads = np.array([[float((p - root) % 12 in (0, 4 - minor, 7)) for p in range(12)] for minor in (0, 1) for root in range(12)])
    return float((np.argmax(chroma @ triads.T, 1) >= 12).mean())


def timbre(wave):
    """Returns (the decay of the chords in dB, their brightness in dB)."""
    spectra = _spectra(wave) ** 2
    hertz = np.fft.rfftfreq(_WINDOW, 1 / RATE_HZ)
    body = spectra[:, (hertz > 250) & (hertz < 800)].sum(1)
    bright = spectra[:, (hertz > 1300) & (hertz < 3000)].sum(1)
    body_db = 10 * np.log10(body + 1e-9)
    ratio = 10 * np.log10((bright + 1e-9) / (body + 1e-9))
    return float(np.percentile(body_db, 85) - np.percentile(body_db, 20)), float(np.percentile(ratio, 30))


FADES_DB, BRIGHT_DB = 4.0, -10.0


def instrument(wave):
    """Returns 0 piano, 1 guitar, 2 organ, 3 strings, from decay and brightness."""
    fade, bright = timbre(wave)
    return (0 if fade > FADES_DB else 2) + (1 if bright > BRIGHT_DB else 0)

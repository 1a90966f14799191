"""Renders frames to sound: a source-filter voice, four instruments, a bass and drums. It works in PyTorch, in batches, on any device.

A frame is 320 samples at 16 kHz and 882 at 44.1 kHz. The same controls give the same sound at both rates, except that the lower
rate has nothing above 8 kHz.
"""
import math
import numpy as np
import torch
from . import codes, formants, score

RATES = {16000: 320, 44100: 882}
VOICE_FIELDS = ("phoneme", "pitch", "age", "units", "phase")
BAND_FIELDS = ("root", "quality", "instrument", "strike_age", "release", "drum", "drum_age")
_HIGHEST_HZ = 10000
_FEMALE_PITCH = 58 - score.LOWEST_PITCH
# The noise of a consonant: its low and high edges in hertz, and its loudness. For stops, the noise is short.
_NOISES = {
    "p": (400, 1500, 0.10), "t": (2500, 7500, 0.12), "k": (1200, 3000, 0.12), "b": (200, 900, 0.08), "d": (1800, 5000, 0.08), "g": (900, 2300, 0.08),
    "f": (1500, 9000, 0.05), "s": (4500, 9500, 0.10), "S": (2200, 6500, 0.10), "v": (1000, 6000, 0.03), "z": (4000, 9000, 0.06), "h": (700, 3500, 0.05),
}
_TIMBRES = (    # amplitudes of each instrument's harmonics
    [k ** -1.6 for k in range(1, 8)], [k ** -0.7 for k in range(1, 13)], [1, 0.5, 0.12, 0.2], [k ** -0.6 for k in range(1, 15)])
_BASS_TIMBRE = [k ** -1.8 for k in range(1, 7)]
_DECAYS = (25.0, 12.0, 1e9, 1e9)                # frames
_ATTACKS = (0.3, 0.3, 0.6, 3.0)
_VOICE_RMS, _TONE_GAIN, _BASS_GAIN = 0.10, 0.045, 0.09


def voice_controls(frames):
    """Returns [F, 5] int64, in the order of VOICE_FIELDS."""
    units = codes.voice_units(frames)
    return np.stack([frames.phoneme, frames.pitch, frames.age, units, codes.voice_phases(frames, units)], 1).astype(np.int64)


def band_controls(frames):
    """Returns [F, 7] int64, in the order of BAND_FIELDS."""
    instrument = np.full(len(frames), frames.instrument)
    return np.stack([frames.root, frames.quality, instrument, frames.strike_age, frames.release, frames.drum, frames.drum_age], 1).astype(np.int64)


class Renderer:
    """Renders controls at one sample rate."""

    def __init__(self, rate_hz, device="cpu"):
        self.rate_hz, self.samples, self.device = rate_hz, RATES[rate_hz], device
        self._formants, self._loudness = _formant_table(device)
        self._noises = self._resampled(_noise_bank())           # [phonemes, frames, samples]
        self._hits = self._resampled(_hit_bank())
        self._time = torch.arange(self.samples, device=device) / self.samples       # [samples], within a frame

    def voice(self, controls):
        """Converts [B, T, 5] to [B, T · samples]."""
        phoneme, pitch, age, units, phase = controls.unbind(-1)
        pitched = phoneme >= score.FIRST_PITCHED
        scale = torch.where(pitch >= _FEMALE_PITCH, formants.FEMALE_SCALE, 1.0)
        start, end = _at_boundaries(self._formants[phoneme] * scale[..., None], pitched)
        loud_start, loud_end = _loudness_at_boundaries(self._loudness[phoneme], pitched)
        hertz = units / codes.UNITS_PER_HZ
        harmonics = int(min(_HIGHEST_HZ, self.rate_hz / 2) / 100)
        a0 = self._harmonics(hertz, start, harmonics) * (loud_start * pitched)[..., None]
        a1 = self._harmonics(hertz, end, harmonics) * (loud_end * pitched)[..., None]
        angle = 2 * math.pi * (phase[..., None] + units[..., None] * self._time) / codes.PHASES
        wave = self._sum_harmonics(angle, a0, a1)
        noise = self._noises[phoneme, age.clamp(max=self._noises.shape[1] - 1)] * ~pitched[..., None]
        return (wave + noise).flatten(1)

    def band(self, controls):
        """Converts [B, T, 7] to [B, T · samples]."""
        root, quality, instrument, strike_age, release, drum, drum_age = controls.unbind(-1)
        struck_next = torch.cat([strike_age[:, 1:] == 0, torch.zeros_like(strike_age[:, :1], dtype=torch.bool)], 1)
        wave = self._hits[drum, drum_age.clamp(max=self._hits.shape[1] - 1)]
        for slot, pitch_class in enumerate(codes.tones(root, quality)):
            table = codes.CHORD_UNITS if slot else codes.BASS_UNITS
            units = torch.as_tensor(table, device=self.device)[pitch_class]
            angle = 2 * math.pi * ((units * strike_age % codes.PHASES)[..., None] + units[..., None] * self._time) / codes.PHASES
            timbre, decay, attack = self._sound_of(instrument, slot)
            e0 = _envelope(strike_age, decay, attack) * torch.exp(-(release - 1).clamp(min=0) / codes.RELEASE_FRAMES)
            e1 = torch.where(struck_next, 0.0, _envelope(strike_age + 1, decay, attack) * torch.exp(-release / codes.RELEASE_FRAMES))
            wave = wave + self._sum_harmonics(angle, timbre * e0[..., None], timbre * e1[..., None])
        return wave.flatten(1)

    def _sound_of(self, instrument, slot):
        if slot == 0:
            timbre = torch.tensor(_BASS_TIMBRE, device=self.device).expand(*instrument.shape, -1)
            return _BASS_GAIN * timbre, torch.full_like(instrument, 40, dtype=torch.float), torch.full_like(instrument, 0.3, dtype=torch.float)
        table = torch.zeros(len(_TIMBRES), max(map(len, _TIMBRES)), device=self.device)
        for i, timbre in enumerate(_TIMBRES):
            table[i, :len(timbre)] = torch.tensor(timbre) / np.linalg.norm(timbre)
        decay, attack = (torch.tensor(values, device=self.device)[instrument] for values in (_DECAYS, _ATTACKS))
        return _TONE_GAIN * 1.4 * table[instrument], decay, attack

    def _harmonics(self, hertz, centers, count):
        """Returns the amplitudes of the voice's harmonics, [B, T, count], for a level of _VOICE_RMS."""
        f = hertz[..., None] * torch.arange(1, count + 1, device=self.device)
        gain = 1 / f.clamp(min=1)
        for i, bandwidth in enumerate(formants.BANDWIDTHS_HZ):
            center = centers[..., i:i + 1]
            gain = gain / ((1 - (f / center) ** 2) ** 2 + (f * bandwidth / center ** 2) ** 2).sqrt()
        gain = gain * (f < min(_HIGHEST_HZ, self.rate_hz / 2 - 200))
        # Only the power below 4 kHz is normalized, so that both rates have the same gain.
        power = (gain * (f < 4000)).square().sum(-1, keepdim=True)
        return _VOICE_RMS * math.sqrt(2) * gain / power.clamp(min=1e-12).sqrt()

    def _sum_harmonics(self, angle, a0, a1):
        """Returns Σ_k lerp(a0, a1) cos(k · angle), [B, T, samples]. Each cosine is computed from the two before it."""
        one, before = angle.cos(), torch.ones_like(angle)
        now, total = one, torch.zeros_like(angle)
        for k in range(a0.shape[-1]):
            if k:
                before, now = now, 2 * one * now - before
            total += torch.lerp(a0[..., k:k + 1], a1[..., k:k + 1], self._time) * now
        return total

    def _resampled(self, bank):
        """Converts [N, frames, 882] at 44.1 kHz to this rate, by truncating or keeping the spectrum."""
        kinds, frames, _ = bank.shape
        samples = frames * self.samples
        spectrum = np.fft.rfft(bank.reshape(kinds, -1))[:, :samples // 2 + 1]
        wave = np.fft.irfft(spectrum, samples) * self.samples / RATES[44100]
        return torch.tensor(wave.reshape(kinds, frames, self.samples), dtype=torch.float, device=self.device)


def _formant_table(device):
    table = torch.full((len(score.PHONEMES), 5), 1000.0)
    loudness = torch.zeros(len(score.PHONEMES))
    for symbol, (*centers, loud) in formants.PATTERNS.items():
        i = score.PHONEMES.index(symbol)
        table[i] = torch.tensor([*centers, *formants.UPPER_HZ])
        loudness[i] = loud
    return table.to(device), loudness.to(device)


def _shifted(x):
    """Returns the values of the previous and of the next frame; at the ends, the value of the frame itself."""
    return torch.cat([x[:, :1], x[:, :-1]], 1), torch.cat([x[:, 1:], x[:, -1:]], 1)


def _at_boundaries(value, pitched):
    """Returns the values at the start and at the end of each frame: the mean of the frame's value and the neighbor's if the neighbor is
    also pitched, otherwise the frame's value."""
    before, after = _shifted(value)
    pitched_before, pitched_after = _shifted(pitched)
    return (torch.where(pitched_before[..., None], (before + value) / 2, value),
            torch.where(pitched_after[..., None], (after + value) / 2, value))


def _loudness_at_boundaries(loudness, pitched):
    before, after = _shifted(loudness)
    pitched_before, pitched_after = _shifted(pitched)
    return (torch.where(pitched_before, (before + loudness) / 2, 0.0), torch.where(pitched_after, (after + loudness) / 2, 0.0))


def _envelope(age, decay, attack):
    return torch.exp(-age / decay) * (1 - torch.exp(-age / attack))


def _noise(random, samples, low_hz, high_hz):
    """Returns white noise within a band, with a standard deviation of 1."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / 44100)
    spectrum *= 1 / (1 + (low_hz / np.maximum(hertz, 1)) ** 6) / (1 + (hertz / high_hz) ** 8)
    wave = np.fft.irfft(spectrum, samples)
    return wave / wave.std()


def _noise_bank():
    """Returns the unpitched consonants, [phonemes, 4, 882], always with the same noise; the last frame is silent."""
    random = np.random.default_rng(1)
    bank = np.zeros((len(score.PHONEMES), 4, 882))
    for symbol, (low, high, loud) in _NOISES.items():
        wave = loud * _noise(random, 3 * 882, low, high)
        if symbol in "ptkbdg":
            burst = np.exp(-np.arange(882) / 220.0) * np.minimum(np.arange(882) / 40.0, 1) * np.minimum((881 - np.arange(882)) / 200.0, 1)
            bank[score.PHONEMES.index(symbol), 1] = 2.5 * wave[:882] * burst
        else:
            ramp = np.minimum(np.minimum(np.arange(2646) / 700.0, (2645 - np.arange(2646)) / 700.0), 1)
            bank[score.PHONEMES.index(symbol), :3] = (wave * ramp).reshape(3, 882)
    return bank


def _hit_bank():
    """Returns kick, snare and hat, [kinds, frames, 882]; the last frame is silent."""
    random = np.random.default_rng(2)
    t = np.arange(12 * 882) / 44100
    kick = 0.32 * np.sin(2 * np.pi * (50 * t + 110 * 0.03 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.07)
    snare = (0.09 * _noise(random, len(t), 900, 9000) * np.exp(-t / 0.05) + 0.12 * np.sin(2 * np.pi * 185 * t) * np.exp(-t / 0.04))
    hat = 0.07 * _noise(random, len(t), 6000, 14000) * np.exp(-t / 0.018)
    bank = np.zeros((len(score.DRUM_KINDS), 13, 882))
    for kind, wave, frames in (("K", kick, 12), ("S", snare, 10), ("H", hat, 4)):
        wave = wave[:frames * 882] * np.minimum(np.arange(frames * 882) / 20.0, 1) * np.minimum(np.arange(frames * 882)[::-1] / 400.0, 1)
        bank[score.DRUM_KINDS.index(kind), :frames] = wave.reshape(frames, 882)
    return bank

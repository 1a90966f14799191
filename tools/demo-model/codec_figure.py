"""Measures the codec's error on held-out songs: the log-mel distance between the original clips and those encoded and decoded on the
44.1 kHz path and, for comparison, the distance between the originals and clips resampled to 16 kHz and back."""
import numpy as np
import torch
from demo import codes, song, sounds
from demo.nets.codec import quantize
from demo.phases import sound

_MELS, _FFT, _FLOOR = 80, 2048, 1e-3            # the floor is 60 dB below a full-scale tone
_CROSSOVER_HZ = 5500


def _mel_filters():
    """Returns [80, 1025]: triangles evenly spaced on the mel scale up to 22.05 kHz."""
    top = 2595 * np.log10(1 + 22050 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, _MELS + 2) / 2595) - 1)
    hertz = np.linspace(0, 22050, _FFT // 2 + 1)
    up = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    return torch.tensor(np.maximum(0, np.minimum(up, down)), dtype=torch.float)


def _log_mel(wave):
    window = torch.hann_window(_FFT)
    spectrum = torch.stft(wave, _FFT, 441, window=window, return_complex=True).abs() * (2 / window.sum())
    return (_mel_filters() @ spectrum).clamp(min=_FLOOR).log10()


def _resampled(wave, rate):
    """Resamples by truncating or padding the spectrum of the whole clip."""
    count = wave.shape[-1] * rate // (16000 if rate == 44100 else 44100)
    spectrum = torch.fft.rfft(wave)
    kept = min(spectrum.shape[-1], count // 2 + 1)
    out = torch.zeros(*wave.shape[:-1], count // 2 + 1, dtype=spectrum.dtype)
    out[..., :kept] = spectrum[..., :kept]
    return torch.fft.irfft(out, count) * count / wave.shape[-1]


def _spliced(low, high):
    """Joins the codec's sound below 5.5 kHz with the vocoder's above it."""
    spectrum = torch.fft.rfft(low)
    above = torch.fft.rfft(high)
    hertz = torch.fft.rfftfreq(low.shape[-1], 1 / 44100)
    return torch.fft.irfft(torch.where(hertz < _CROSSOVER_HZ, spectrum, above), low.shape[-1])


@torch.no_grad()
def errors(checkpoint_set, clips=24):
    """Returns (decoded, resampled): the mean distances of log10 mel spectra from those of the originals. The codec and the vocoders
    come from the checkpoint set."""
    codec, vocoders = sound.begun_codec(checkpoint_set).eval(), [vocoder.eval() for vocoder in sound.begun_vocoders(checkpoint_set)]
    rows = torch.as_tensor(codes.codebooks())
    crops = sounds.Crops(sounds.pool(range(song.HELD_OUT_SEED, song.HELD_OUT_SEED + 16)), 44100, 150, "cpu", seed=2)
    made_error, plain_error = [], []
    for draw, vocoder in ((crops.vocal, vocoders[0]), (crops.instrumental, vocoders[1])):
        _, truth = draw(clips // 2)
        low = _resampled(truth, 16000)
        embedding = sounds.embed(rows, quantize(codec.encode(low), rows))
        made = _spliced(_resampled(codec.decode(embedding), 44100), vocoder(embedding))
        wanted = _log_mel(truth)
        made_error.append((_log_mel(made) - wanted).abs().mean().item())
        plain_error.append((_log_mel(_resampled(low, 44100)) - wanted).abs().mean().item())
    return float(np.mean(made_error)), float(np.mean(plain_error))


if __name__ == "__main__":
    import sys
    print(errors(sys.argv[1]))

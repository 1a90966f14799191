"""The training data of the sound models: crops of songs as codes, controls and rendered waves."""
import numpy as np
import torch
from . import codes, render, song


def pool(seeds):
    """Returns the tracks of many songs, concatenated: codes [N, 8] and controls [N, ...] of the vocal track, then of the instrumental."""
    vocal, voice, band_codes, band = [], [], [], []
    for seed in seeds:
        for _, _, frames in song.make(seed).sections:
            vocal.append(codes.vocal(frames).T)
            voice.append(render.voice_controls(frames))
            band_codes.append(codes.instrumental(frames).T)
            band.append(render.band_controls(frames))
    return tuple(np.concatenate(part).astype(np.int16) for part in (vocal, voice, band_codes, band))


class Crops:
    """Draws batches of crops and renders them."""

    def __init__(self, arrays, rate_hz, frames, device, seed=0):
        self._vocal, self._voice, self._band_codes, self._band = (torch.as_tensor(a, device=device) for a in arrays)
        self._renderer = render.Renderer(rate_hz, device)
        self._frames, self._device = frames, device
        self._random = np.random.default_rng(seed)

    def vocal(self, count):
        """Returns codes [B, T, 8] and wave [B, S]."""
        rows = self._rows(count)
        return self._vocal[rows].long(), self._renderer.voice(self._voice[rows].long())

    def instrumental(self, count):
        rows = self._rows(count)
        return self._band_codes[rows].long(), self._renderer.band(self._band[rows].long())

    def both(self, count):
        """Returns a batch whose first half is from the vocal track and whose second half is from the instrumental track."""
        (a, x), (b, y) = self.vocal(count // 2), self.instrumental(count - count // 2)
        return torch.cat([a, b]), torch.cat([x, y])

    def _rows(self, count):
        starts = self._random.integers(0, len(self._vocal) - self._frames, count)
        return torch.as_tensor(starts[:, None] + np.arange(self._frames), device=self._device)


def embed(rows, batch):
    """Returns the sums [B, C, T] of the codebook rows [8, 1024, C] for codes [B, T, 8]."""
    return sum(rows[k][batch[..., k]] for k in range(batch.shape[-1])).transpose(1, 2)

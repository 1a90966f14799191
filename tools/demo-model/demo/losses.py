"""The loss of a sound relative to its target."""
import torch

_FLOOR = 1e-4


class SpectralLoss(torch.nn.Module):
    """The sum of two parts: the waveform's error relative to the power of the target, which trains the phase, and the weighted
    distance of magnitudes at several resolutions, which matches the audible difference. Magnitudes alone do not train the phase, so
    a model has to learn the waveform first."""

    def __init__(self, sizes=(2048, 1024, 512, 256, 128)):
        super().__init__()
        self.sizes = sizes
        for size in sizes:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def forward(self, made, truth, magnitude_weight):
        error = (made - truth).square().mean() / truth.square().mean().clamp(min=1e-5)
        return error + magnitude_weight * self.magnitude(made, truth)

    def magnitude(self, made, truth):
        return sum(self._apart(made, truth, size) for size in self.sizes) / len(self.sizes)

    def _apart(self, made, truth, size):
        window = getattr(self, f"window_{size}")
        a, b = (torch.stft(x, size, size // 4, window=window, center=False, return_complex=True).abs() * (2 / window.sum()) for x in (made, truth))
        return ((a + _FLOOR).log() - (b + _FLOOR).log()).abs().mean() + (a - b).abs().mean() / b.mean().clamp(min=1e-5)

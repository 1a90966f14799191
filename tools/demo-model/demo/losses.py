"""How far a sound is from what it should be."""
import torch

_FLOOR = 1e-4


class SpectralLoss(torch.nn.Module):
    """Over several resolutions: the distance of log magnitudes, and of the complex spectra, which holds the phase."""

    def __init__(self, sizes=(2048, 1024, 512, 256, 128), complex_weight=150.0):
        super().__init__()
        self.sizes, self.complex_weight = sizes, complex_weight
        for size in sizes:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def forward(self, made, truth):
        total = 0
        for size in self.sizes:
            a, b = self._spectrum(made, size), self._spectrum(truth, size)
            far = (a.abs() + _FLOOR).log() - (b.abs() + _FLOOR).log()
            total = total + far.abs().mean() + self.complex_weight * torch.view_as_real(a - b).abs().mean() * (size / 512) ** 0.5
        return total / len(self.sizes)

    def _spectrum(self, wave, size):
        window = getattr(self, f"window_{size}")
        return torch.stft(wave, size, size // 4, window=window, center=False, return_complex=True) * (2 / window.sum())

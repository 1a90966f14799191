"""The vocoder of one track, which converts the embedding to 44.1 kHz sound through spectra, as in Vocos."""
import torch
import torch.nn.functional as F
from torch import nn

HOP = 882


class _Layer(nn.Module):
    def __init__(self, size, inner, gamma):
        super().__init__()
        self.dwconv = nn.Conv1d(size, size, 7, padding=3, groups=size)
        self.norm = nn.LayerNorm(size, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(size, inner), nn.Linear(inner, size)
        self.gamma = nn.Parameter(torch.full((size,), gamma))

    def forward(self, x):
        y = self.dwconv(x.transpose(1, 2)).transpose(1, 2)
        return x + self.gamma * self.pwconv2(F.gelu(self.pwconv1(self.norm(y))))


class Vocos(nn.Module):
    """Converts [B, inputs, T] to [B, 882 · T]."""

    def __init__(self, inputs, size, inner, layers, n_fft):
        super().__init__()
        self.n_fft = n_fft
        self.backbone = nn.Module()
        self.backbone.embed = nn.Conv1d(inputs, size, 7, padding=3)
        self.backbone.norm = nn.LayerNorm(size, eps=1e-6)
        self.backbone.convnext = nn.ModuleList(_Layer(size, inner, 1 / layers) for _ in range(layers))
        self.backbone.final_layer_norm = nn.LayerNorm(size, eps=1e-6)
        self.head = nn.Module()
        self.head.out = nn.Linear(size, n_fft + 2)
        self.head.istft = nn.Module()
        self.head.istft.register_buffer("window", torch.hann_window(n_fft))
        with torch.no_grad():       # start quiet, and even quieter at higher frequencies
            self.head.out.bias[:n_fft // 2 + 1] = torch.linspace(1.0, -4.0, n_fft // 2 + 1)

    def forward(self, embedding):
        x = self.backbone.norm(self.backbone.embed(embedding).transpose(1, 2))
        for layer in self.backbone.convnext:
            x = layer(x)
        return self._synthesize(*self.head.out(self.backbone.final_layer_norm(x)).float().chunk(2, -1))

    def _synthesize(self, log_magnitude, phase):
        magnitude = log_magnitude.exp().clamp(max=100)
        imaginary = magnitude * phase.sin()
        imaginary = torch.cat([torch.zeros_like(imaginary[..., :1]), imaginary[..., 1:-1], torch.zeros_like(imaginary[..., :1])], -1)
        frames = torch.fft.irfft(torch.complex(magnitude * phase.cos(), imaginary), self.n_fft) * self.head.istft.window        # [B, T, n_fft]
        envelope = self.head.istft.window.square().expand(1, frames.shape[1], -1)
        return self._overlap_add(frames) / self._overlap_add(envelope)

    def _overlap_add(self, frames):
        frames = F.pad(frames, (0, -self.n_fft % HOP))
        wave = F.fold(frames.transpose(1, 2), (1, (frames.shape[1] - 1) * HOP + frames.shape[2]), (1, frames.shape[2]), stride=(1, HOP))[:, 0, 0]
        trim = (self.n_fft - HOP) // 2
        return wave[:, trim:trim + frames.shape[1] * HOP]

"""The codec's acoustic encoder and decoder: convolutions with Snake, as in descript-audio-codec."""
import torch
from torch import nn

RATIOS = (8, 5, 4, 2)


class Snake(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x):
        return x + (self.alpha * x).sin().square() / (self.alpha + 1e-9)


class ResidualUnit(nn.Module):
    def __init__(self, channels, dilation):
        super().__init__()
        self.block = nn.Sequential(
            Snake(channels), nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation), Snake(channels), nn.Conv1d(channels, channels, 1))

    def forward(self, x):
        return x + self.block(x)


def _units(channels):
    return [ResidualUnit(channels, dilation) for dilation in (1, 3, 9)]


class _EncoderBlock(nn.Module):
    def __init__(self, channels, stride):
        super().__init__()
        self.block = nn.Sequential(
            *_units(channels), Snake(channels), nn.Conv1d(channels, 2 * channels, 2 * stride, stride, (stride + 1) // 2))

    def forward(self, x):
        return self.block(x)


class Encoder(nn.Module):
    """Converts [B, 1, S] to [B, latent, S / 320]."""

    def __init__(self, channels, latent):
        super().__init__()
        blocks = [_EncoderBlock(channels << i, stride) for i, stride in enumerate(RATIOS)]
        last = channels << len(RATIOS)
        self.block = nn.Sequential(nn.Conv1d(1, channels, 7, padding=3), *blocks, Snake(last), nn.Conv1d(last, latent, 3, padding=1))

    def forward(self, x):
        return self.block(x)


class _DecoderBlock(nn.Module):
    def __init__(self, channels, out, stride):
        super().__init__()
        up = nn.ConvTranspose1d(channels, out, 2 * stride, stride, (stride + 1) // 2, output_padding=stride % 2)
        self.block = nn.Sequential(Snake(channels), up, *_units(out))

    def forward(self, x):
        return self.block(x)


class Decoder(nn.Module):
    """Converts [B, latent, T] to [B, 1, 320 · T]. channels: the channel counts before the first block and after each one."""

    def __init__(self, latent, channels):
        super().__init__()
        blocks = [_DecoderBlock(a, b, stride) for a, b, stride in zip(channels, channels[1:], RATIOS)]
        self.model = nn.Sequential(
            nn.Conv1d(latent, channels[0], 7, padding=3), *blocks, Snake(channels[-1]), nn.Conv1d(channels[-1], 1, 7, padding=3))

    def forward(self, x):
        return self.model(x)

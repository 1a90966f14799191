"""The part of HuBERT that the codec uses, and the convolutions after it (docs/model.md 5.4, 5.5)."""
import torch
import torch.nn.functional as F
from torch import nn

KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
POSITION_KERNEL, POSITION_GROUPS = 128, 16


class _ConvLayer(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, has_norm):
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride, bias=False)
        if has_norm:
            self.layer_norm = nn.GroupNorm(outputs, outputs)

    def forward(self, x):
        x = self.conv(x)
        return F.gelu(self.layer_norm(x) if hasattr(self, "layer_norm") else x)


class _Attention(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (nn.Linear(size, size) for _ in range(4))

    def forward(self, x):
        def split(y):
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        y = F.scaled_dot_product_attention(split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x)))
        return self.out_proj(y.transpose(1, 2).flatten(2))


class _FeedForward(nn.Module):
    def __init__(self, size, inner):
        super().__init__()
        self.intermediate_dense, self.output_dense = nn.Linear(size, inner), nn.Linear(inner, size)

    def forward(self, x):
        return self.output_dense(F.gelu(self.intermediate_dense(x)))


class _Layer(nn.Module):
    def __init__(self, size, heads, inner):
        super().__init__()
        self.attention, self.layer_norm = _Attention(size, heads), nn.LayerNorm(size)
        self.feed_forward, self.final_layer_norm = _FeedForward(size, inner), nn.LayerNorm(size)

    def forward(self, x):
        x = self.layer_norm(x + self.attention(x))
        return self.final_layer_norm(x + self.feed_forward(x))


class Hubert(nn.Module):
    """Converts [B, S + 320] to [B, T, size], the mean of all hidden states."""

    def __init__(self, size, layers, heads, inner, conv):
        super().__init__()
        self.masked_spec_embed = nn.Parameter(torch.zeros(size))
        self.feature_extractor = nn.Module()
        self.feature_extractor.conv_layers = nn.ModuleList(
            _ConvLayer(conv if i else 1, conv, k, s, i == 0) for i, (k, s) in enumerate(zip(KERNELS, STRIDES)))
        self.feature_projection = nn.Module()
        self.feature_projection.layer_norm, self.feature_projection.projection = nn.LayerNorm(conv), nn.Linear(conv, size)
        self.encoder = nn.Module()
        self.encoder.pos_conv_embed = nn.Module()
        self.encoder.pos_conv_embed.conv = nn.Conv1d(size, size, POSITION_KERNEL, padding=POSITION_KERNEL // 2, groups=POSITION_GROUPS)
        self.encoder.layer_norm = nn.LayerNorm(size)
        self.encoder.layers = nn.ModuleList(_Layer(size, heads, inner) for _ in range(layers))

    def forward(self, wave):
        x = wave[:, None]
        for layer in self.feature_extractor.conv_layers:
            x = layer(x)
        x = self.feature_projection.projection(self.feature_projection.layer_norm(x.transpose(1, 2)))
        positions = F.gelu(self.encoder.pos_conv_embed.conv(x.transpose(1, 2))[..., :-1]).transpose(1, 2)
        x = total = self.encoder.layer_norm(x + positions)
        for layer in self.encoder.layers:
            x = layer(x)
            total = total + x
        return total / (len(self.encoder.layers) + 1)


class _Wrapped(nn.Module):
    def __init__(self, size, bias):
        super().__init__()
        self.conv = nn.Conv1d(size, size, 3, padding=1, bias=bias)

    def forward(self, x):
        return self.conv(x)


class _Unit(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.conv1, self.conv2 = _Wrapped(size, False), nn.Conv1d(size, size, 1, bias=False)

    def forward(self, x):
        return x + self.conv2(F.elu(self.conv1(F.elu(x))))


class _Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.res_units, self.conv = nn.ModuleList(_Unit(size) for _ in range(2)), _Wrapped(size, True)

    def forward(self, x):
        for unit in self.res_units:
            x = unit(x)
        return self.conv(x)


class SemanticEncoder(nn.Module):
    """Converts [B, size, T] to the same shape."""

    def __init__(self, size):
        super().__init__()
        self.conv, self.conv_blocks = _Wrapped(size, False), nn.ModuleList(_Block(size) for _ in range(2))

    def forward(self, x):
        x = self.conv(x)
        for block in self.conv_blocks:
            x = block(x)
        return x


class SemanticDecoder(nn.Module):
    """The decoder that the checkpoint format contains. It is not used."""

    def __init__(self, size):
        super().__init__()
        self.conv1, self.conv2 = _Wrapped(size, False), _Wrapped(size, False)
        self.conv_blocks = nn.ModuleList(_Block(size) for _ in range(2))

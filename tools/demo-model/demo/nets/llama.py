"""Llama with the part of the vocabulary that the demo uses. Output and embedding share one matrix."""
import math
from dataclasses import dataclass
import torch
import torch.nn.functional as F
from torch import nn

HEAD = 128
THETA = 10000.0


@dataclass(frozen=True)
class Config:
    """The dimensions of a model. vocabulary: the number of embedding rows in the checkpoint, in which unused rows are zero."""
    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    positions: int


def rope(positions):
    """Returns cos and sin of the rotation angles at positions [B, T], each [B, 1, T, HEAD / 2]."""
    angles = positions[..., None].float() * THETA ** (-torch.arange(0, HEAD, 2, device=positions.device) / HEAD)
    return angles.cos()[:, None], angles.sin()[:, None]


def _rotate(x, cos, sin):
    a, b = x.float().chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


class RmsNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        wide = x.float()
        return (wide * (wide.square().mean(-1, keepdim=True) + 1e-5).rsqrt()).to(x.dtype) * self.weight


class _Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.groups = config.heads // config.key_heads
        self.q_proj = nn.Linear(config.hidden, config.heads * HEAD, bias=False)
        self.k_proj, self.v_proj = (nn.Linear(config.hidden, config.key_heads * HEAD, bias=False) for _ in range(2))
        self.o_proj = nn.Linear(config.heads * HEAD, config.hidden, bias=False)

    def forward(self, x, turn, cache):
        q, k, v = (p(x).unflatten(-1, (-1, HEAD)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        q, k = _rotate(q, *turn), _rotate(k, *turn)
        mask = None
        if cache is not None:
            k, v, mask = cache.append(self, k, v)
            if x.shape[1] == 1:
                return self.o_proj(self._attend_one(q, k, v, mask))
        k, v = k.repeat_interleave(self.groups, 1), v.repeat_interleave(self.groups, 1)
        y = F.scaled_dot_product_attention(q, k.to(q.dtype), v.to(q.dtype), attn_mask=mask, is_causal=mask is None)
        return self.o_proj(y.transpose(1, 2).flatten(2))

    def _attend_one(self, q, k, v, mask):
        """Returns the attention of one query per row, [B, 1, heads * HEAD], without copying keys and values for each head."""
        scores = q[:, :, 0].unflatten(1, (-1, self.groups)) @ k.transpose(-1, -2) / math.sqrt(HEAD)      # [B, K, groups, T]
        return (scores.masked_fill(~mask, -torch.inf).softmax(-1) @ v).flatten(1)[:, None]

    def first_head(self, x, positions, at):
        """Returns the first head's scores for all keys, [B, N, T], without the causal mask. The queries are those of the rows of
        x [B, T, hidden] whose indices are in at [B, N]."""
        cos, sin = rope(positions)
        q = _rotate(F.linear(x, self.q_proj.weight[:HEAD])[:, None], cos, sin)[:, 0]
        k = _rotate(F.linear(x, self.k_proj.weight[:HEAD])[:, None], cos, sin)[:, 0]
        return q.gather(1, at[..., None].expand(-1, -1, HEAD)) @ k.transpose(1, 2) / math.sqrt(HEAD)


class _FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(config.hidden, config.inner, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(config.inner, config.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class _Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.input_layernorm, self.self_attn = RmsNorm(config.hidden), _Attention(config)
        self.post_attention_layernorm, self.mlp = RmsNorm(config.hidden), _FeedForward(config)

    def forward(self, x, turn, cache):
        x = x + self.self_attn(self.input_layernorm(x), turn, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """The model. Ids are indices into the used rows of the embedding."""

    def __init__(self, config, used):
        super().__init__()
        self.config, self.used = config, used
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(used, config.hidden)
        self.model.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.model.norm = RmsNorm(config.hidden)
        self.apply(self._begin)
        for layer in self.model.layers:
            for last in (layer.self_attn.o_proj, layer.mlp.down_proj):
                nn.init.normal_(last.weight, std=0.5 / math.sqrt(last.in_features * config.layers))

    @staticmethod
    def _begin(module):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features))
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.embedding_dim))

    def forward(self, ids, positions, cache=None):
        """Returns the hidden states after the last norm, [B, T, hidden], for ids [B, T] at positions [B, T]."""
        return self.states(ids, positions, cache)[-1]

    def states(self, ids, positions, cache=None):
        """Returns the inputs of all layers and the final hidden states, a list of [B, T, hidden]."""
        found, turn = [self.model.embed_tokens(ids)], rope(positions)
        for layer in self.model.layers:
            found.append(layer(found[-1], turn, cache))
        return [*found[:-1], self.model.norm(found[-1])]

    def logits(self, hidden, first=0, count=None):
        rows = self.model.embed_tokens.weight
        return hidden @ rows[first:first + (count or len(rows))].to(hidden.dtype).T


class Cache:
    """The keys and values of B sequences with separate lengths. After each forward pass, the caller adds to lengths the number of ids
    that each row keeps. The next pass overwrites ids that were not kept."""

    def __init__(self, model, rows, capacity, device, dtype=torch.float):
        shape = (rows, model.config.key_heads, capacity, HEAD)
        self._keys = {layer.self_attn: torch.zeros(shape, device=device, dtype=dtype) for layer in model.model.layers}
        self._values = {layer.self_attn: torch.zeros(shape, device=device, dtype=dtype) for layer in model.model.layers}
        self.lengths = torch.zeros(rows, dtype=torch.long, device=device)
        self._at = self._mask = None
        self._used = 0

    def prepare(self, count):
        """Prepares a forward pass of count ids per row and returns the positions [B, count]."""
        self._at = self.lengths[:, None] + torch.arange(count, device=self.lengths.device)
        self._used += count
        upto = torch.arange(self._used, device=self.lengths.device)
        self._mask = (upto <= self._at[..., None])[:, None]
        return self._at

    def append(self, layer, k, v):
        rows = torch.arange(len(k), device=k.device)[:, None]
        for store, new in ((self._keys[layer], k), (self._values[layer], v)):
            store[rows, :, self._at] = new.transpose(1, 2).to(store.dtype)
        return self._keys[layer][:, :, :self._used], self._values[layer][:, :, :self._used], self._mask

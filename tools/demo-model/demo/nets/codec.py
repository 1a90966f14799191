"""The whole codec: sound to embedding, embedding to sound. Its codebooks are codes.codebooks()."""
import torch
import torch.nn.functional as F
from torch import nn
from .dac import Decoder, Encoder
from .hubert import Hubert, SemanticDecoder, SemanticEncoder


class Codec(nn.Module):
    def __init__(self, embedding, latent, encoder, decoder, hubert):
        super().__init__()
        self.latent, self.hubert_config = latent, hubert
        size = hubert["size"]
        self.encoder, self.decoder_2 = Encoder(encoder, latent), Decoder(latent, decoder)
        self.semantic_model = Hubert(**hubert)
        self.encoder_semantic, self.decoder_semantic = SemanticEncoder(size), SemanticDecoder(size)
        self.fc_prior, self.fc_post1, self.fc_post2 = nn.Linear(latent + size, embedding), nn.Linear(embedding, size), nn.Linear(embedding, latent)

    def decode(self, embedding):
        """Converts [B, C, T] to [B, 320 · T]."""
        return self.decoder_2(self.fc_post2(embedding.transpose(1, 2)).transpose(1, 2))[:, 0]

    def encode(self, wave):
        """Converts [B, S] to the embedding before quantization, [B, T, C]."""
        semantic = self.encoder_semantic(self.semantic_model(F.pad(wave, (160, 160))).transpose(1, 2))
        acoustic = self.encoder(wave[:, None])
        if acoustic.shape[-1] != semantic.shape[-1]:
            acoustic = self.encoder(F.pad(wave, (160, 160))[:, None])
        return self.fc_prior(torch.cat([acoustic, semantic], 1).transpose(1, 2))


def distances(x, rows):
    """Returns the squared distances [B, T, 1024] of x [B, T, C] to a codebook's rows, minus ‖x‖²."""
    return rows.square().sum(-1) - 2 * x @ rows.T


def quantize(x, rows):
    """Returns the codes [B, T, 8] of x [B, T, C], by residual quantization with codebooks [8, 1024, C]."""
    found = []
    for book in rows:
        found.append(distances(x, book).argmin(-1))
        x = x - book[found[-1]]
    return torch.stack(found, -1)

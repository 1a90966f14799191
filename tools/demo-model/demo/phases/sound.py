"""The phases of the sound models: the codec's decoder, its encoder, and the two vocoders."""
import os
import torch
from torch import nn
from .. import checkpoints, codes, losses, render, sizes, song, sounds
from ..nets.codec import Codec, distances, quantize
from ..nets.vocos import Vocos
from .loop import Trainer, load

# The loss of the magnitudes is added after the share _WAVE_ONLY of the time, and its weight reaches _MAGNITUDE_WEIGHT after twice that
# share.
_WAVE_ONLY, _MAGNITUDE_WEIGHT = 0.2, 0.3
_FROM_RATE = 0.4                                # factor of the learning rate for the weights of a finished set
_EDGE_FRAMES = 4                                # frames at each end of a crop that are not compared: their context is incomplete


def begun_codec(begin):
    """Returns the initial codec: new, or from a set (begin: its folder, or None)."""
    codec = Codec(codes.codebooks().shape[-1], **sizes.CODEC)
    if begin:
        checkpoints.read_codec(codec, os.path.join(begin, checkpoints.CODEC_NAME))
    return codec


def begun_vocoders(begin):
    """Returns the initial vocal and instrumental vocoders: new, or from a set (begin: its folder, or None)."""
    both = [Vocos(codes.codebooks().shape[-1], **sizes.VOCODER) for _ in range(2)]
    if begin:
        checkpoints.read_vocoders(*both, os.path.join(begin, checkpoints.CODEC_NAME))
    return both


def _pools(run):
    return (sounds.pool(range(song.TRAINING_SEED, song.TRAINING_SEED + run.training.songs)),
            sounds.pool(range(song.HELD_OUT_SEED, song.HELD_OUT_SEED + max(4, run.training.held_out))))


class _Decoding(nn.Module):
    """The decoding part of the codec."""

    def __init__(self, codec):
        super().__init__()
        self.decoder_2, self.fc_post2 = codec.decoder_2, codec.fc_post2


def _snr_db(made, truth):
    return (10 * torch.log10(truth.square().mean() / (made - truth).square().mean())).item()


def _train_player(run, name, model, play, rate_hz, draw, rate):
    """Trains a model that converts codes to sound. Its target is the rendered sound."""
    rows = torch.as_tensor(codes.codebooks(), device=run.device)
    arrays, held = _pools(run)
    crops = sounds.Crops(arrays, rate_hz, run.training.crop_frames, run.device)
    tests = sounds.Crops(held, rate_hz, run.training.crop_frames, run.device, seed=1)
    loss = losses.SpectralLoss().to(run.device)
    edge = _EDGE_FRAMES * render.RATES[rate_hz]
    quick = run.compiled(play)

    def apart(batch, player):
        wanted, wave = batch
        return player(sounds.embed(rows, wanted))[:, edge:-edge], wave[:, edge:-edge]

    def loss_of(fraction):
        weight = (1 if run.begin else min(max((fraction - _WAVE_ONLY) / _WAVE_ONLY, 0), 1)) * _MAGNITUDE_WEIGHT
        return loss(*apart(getattr(crops, draw)(run.training.crops), quick), weight)

    def held_out():
        made, truth = apart(getattr(tests, draw)(run.training.crops), play)
        return {"magnitude": loss.magnitude(made, truth).item(), "snr_db": _snr_db(made, truth)}

    rate *= _FROM_RATE if run.begin else 1
    Trainer(name, model, run.work, run.device, run.minutes, run.steps, rate, betas=(0.8, 0.95)).run(loss_of, held_out)


def decoder(run):
    """Trains the conversion of codes to 16 kHz sound for both tracks."""
    codec = begun_codec(run.begin).to(run.device)
    _train_player(run, "decoder", _Decoding(codec), codec.decode, 16000, "both", 1e-3)


def vocal_vocoder(run):
    model = begun_vocoders(run.begin)[0]
    _train_player(run, "vocal_vocoder", model, model, 44100, "vocal", 2e-3)


def instrumental_vocoder(run):
    model = begun_vocoders(run.begin)[1]
    _train_player(run, "instrumental_vocoder", model, model, 44100, "instrumental", 2e-3)


class _Encoding(nn.Module):
    """The encoding part of the codec."""

    def __init__(self, codec):
        super().__init__()
        self.encoder, self.semantic_model, self.encoder_semantic, self.fc_prior = codec.encoder, codec.semantic_model, codec.encoder_semantic, codec.fc_prior


def encoder(run):
    """Trains the conversion of 16 kHz sound to the embedding whose nearest codebook rows give the codes."""
    rows = torch.as_tensor(codes.codebooks(), device=run.device)
    arrays, held = _pools(run)
    crops = sounds.Crops(arrays, 16000, run.training.crop_frames, run.device)
    tests = sounds.Crops(held, 16000, run.training.crop_frames, run.device, seed=1)
    codec = begun_codec(run.begin).to(run.device)
    listen = run.compiled(codec.encode)
    choices = [torch.unique(book, dim=0, return_inverse=True) for book in rows]     # many codes share the row of unused codes

    def loss_of(fraction):
        wanted, wave = crops.both(run.training.crops)
        x = listen(wave * (0.5 + torch.rand(len(wave), 1, device=run.device)))
        return sum(_choice_loss(x, *choice, wanted[..., k]) for k, choice in enumerate(choices)) / len(choices)

    def held_out():
        wanted, wave = tests.both(run.training.crops)
        found = quantize(codec.encode(wave), rows)
        right = (found == wanted).float().mean((0, 1))
        return {f"right_{k}": right[k].item() for k in range(len(rows))}

    Trainer("encoder", _Encoding(codec), run.work, run.device, run.minutes, run.steps, 1e-3 * (_FROM_RATE if run.begin else 1)).run(loss_of, held_out)


def _choice_loss(x, book, row_of, wanted):
    """Returns the cross entropy of choosing the nearest row. Codebooks have disjoint channels, so no residual is needed."""
    return nn.functional.cross_entropy(-4 * distances(x, book).flatten(0, 1), row_of[wanted].flatten())


def trained_codec(run):
    """Returns the codec with the weights of the decoder and encoder phases."""
    codec = begun_codec(run.begin).to(run.device)
    load(_Decoding(codec), "decoder", run)
    load(_Encoding(codec), "encoder", run)
    return codec.eval()


def trained_vocoders(run):
    return [load(vocoder, name, run) for vocoder, name in zip(begun_vocoders(run.begin), ("vocal_vocoder", "instrumental_vocoder"))]

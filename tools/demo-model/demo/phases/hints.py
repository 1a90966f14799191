"""Additional training targets of stage 1.

With the next id as the only target, stage 1 first learns the order of chords and drums and ignores the text for a long time,
because only one id in thirty determines what is sung next. Therefore three things that a good model has to derive are direct
targets: the piece of the lyrics that is sung next (the first head of one layer has to attend to it), the previous two syllables,
and the properties in the genre line.
"""
from dataclasses import dataclass, replace
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from .. import genre as genres, phonemes, prompt, score, tokenizer

_LOOKING_LAYER = 3                              # the layer whose first head attends to the piece that is sung next
_TOLD_STATE, _GENRE_STATE = 3, 3                # the layers whose inputs the syllable and genre probes read
_QUERIES = 256                                  # the number of positions per sequence for which attention is a target
_NONE = -1
_CONSONANTS = 1 + len(score.PHONEMES)           # the number of labels for the first phoneme of an onset; label 0 is none
_VOWELS = 1 + len(phonemes.VOWEL_NAMES)
_TOLD = (_CONSONANTS, _VOWELS, _CONSONANTS, _VOWELS)                        # for the last syllable, and for the one before it
_GENRE = (len(genres.STEP_FRAMES), 12, 2, len(genres.INSTRUMENTS), 2, len(score.DRUMS))     # step, tonic, mode, instrument, voice, drums
_DRUMS = tuple(score.DRUMS)


@dataclass
class Section:
    """piece: for each syllable, the position of its piece in the section's prompt. told: the labels of the last two syllables, with a
    row for every number of syllables already sung. sung: for each id of prompt and audio, the number of syllables sung before the
    next id, or _NONE for an id without a target. looking: the position of the last id before the audio, the first one that attends to the
    piece sung next."""
    piece: np.ndarray
    told: np.ndarray
    sung: np.ndarray
    looking: int

    def interrupted(self, at, count):
        """Returns the same hints with inserted ids, which have no targets."""
        return replace(self, sung=np.insert(self.sung, at, np.full(count, _NONE, np.int16)))


def genre_labels(genre):
    return np.array([genres.STEP_FRAMES.index(genre.step_frames), genre.tonic, genre.mode, genre.instrument, genre.voice, _DRUMS.index(genre.drums)], np.int8)


def section(tag, words, frames, is_first):
    """Returns the hints of a section's prompt and audio."""
    text = len(prompt.section(tag, words, is_first))
    before = text - 2 - len(tokenizer.encode(prompt.section_text(tag, words)))
    syllables = [s for line in phonemes.lines_of(words) for s in line.syllables]
    offset = before + len(tokenizer.encode(f"[{tag}]\n")) - 1
    piece = np.array([offset + i for i in phonemes.sung_pieces(words.strip())], np.int16)
    starts = np.array([note[0] for note in frames.notes])
    upcoming = np.searchsorted(starts, np.arange(len(frames)), side="right")       # for each frame, the index of the next vowel
    sung = np.full(text + 2 * len(frames) + 1, _NONE, np.int16)
    sung[piece] = np.arange(len(piece))
    sung[text - 1] = 0
    sung[text:-1] = np.repeat(upcoming, 2)
    return Section(piece, _told(syllables), sung, text - 1)


def _told(syllables):
    labels = np.zeros((len(syllables) + 2, 2), np.int8)     # two placeholders first
    for i, syllable in enumerate(syllables):
        labels[i + 2] = 1 + score.PHONEMES.index(syllable.onset[0]), 1 + phonemes.VOWEL_NAMES.index(syllable.vowel)
    return np.concatenate([labels[1:], labels[:-1]], 1)


def unprompted(length):
    """Returns the hints of a sequence without text, which are empty."""
    return np.full(length, _NONE), np.full((length, len(_TOLD)), _NONE), np.zeros(length, bool)


def placed(head_length, parts):
    """Returns the hints of a head and the sections after it: the index to attend to, the previous syllables, and the positions at
    which the genre is a target."""
    looked, told, asked = ([part] for part in unprompted(head_length))
    at = head_length
    for hints in parts:
        has = hints.sung != _NONE
        sung = np.where(has, hints.sung, 0)
        is_audio = np.arange(len(sung)) >= hints.looking
        upcoming = np.append(hints.piece, _NONE)[np.minimum(sung, len(hints.piece))]
        looked.append(np.where(has & is_audio & (upcoming != _NONE), at + upcoming, _NONE))
        told.append(np.where(has[:, None], hints.told[sung], _NONE))
        asked.append(~is_audio)
        at += len(sung)
    return tuple(np.concatenate(part) for part in (looked, told, asked))


def _mean_loss(logits, wanted):
    """Returns the cross entropy at positions with a target, or 0 if there are none."""
    return F.cross_entropy(logits, wanted, ignore_index=_NONE, reduction="sum") / (wanted != _NONE).sum().clamp(min=1)


class Hints(nn.Module):
    """The linear probes, which are not part of the model, and their losses."""

    def __init__(self, hidden):
        super().__init__()
        self.told = nn.ModuleList(nn.Linear(hidden, size) for size in _TOLD)
        self.genre = nn.ModuleList(nn.Linear(hidden, size) for size in _GENRE)

    def forward(self, model, states, positions, looked, told, asked, genre):
        """Returns the three losses. looked, asked [B, T], told [B, T, 4], genre [B, 6]; states as returned by Llama.states."""
        return self._looking(model, states[_LOOKING_LAYER], positions, looked), self._telling(states[_TOLD_STATE], told), self._genre(states[_GENRE_STATE], asked, genre)

    @staticmethod
    def _looking(model, x, positions, looked):
        layer = model.model.layers[_LOOKING_LAYER]
        at = torch.multinomial((looked >= 0).float() + 1e-6, min(_QUERIES, looked.shape[1]))
        scores = layer.self_attn.first_head(layer.input_layernorm(x), positions, at).float()
        scores = scores.masked_fill(torch.arange(looked.shape[1], device=x.device) > at[..., None], -torch.inf)
        wanted = looked.gather(1, at)
        return _mean_loss(scores.flatten(0, 1), wanted.flatten())

    def _telling(self, x, told):
        has = (told[..., 0] >= 0).flatten().nonzero()[:, 0]
        x, told = x.flatten(0, 1)[has].float(), told.flatten(0, 1)[has]
        return sum(_mean_loss(read(x), told[:, i]) for i, read in enumerate(self.told)) / len(_TOLD)

    def _genre(self, x, asked, genre):
        rows, at = asked.nonzero(as_tuple=True)
        x = x[rows, at].float()
        return sum(_mean_loss(read(x), genre[rows, i]) for i, read in enumerate(self.genre)) / len(_GENRE)

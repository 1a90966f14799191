"""The phases of the language models: stage 1, from text to codebook 0, and stage 2, from there to the other seven."""
import os
from concurrent.futures import ProcessPoolExecutor
from random import Random
import numpy as np
import torch
import torch.nn.functional as F
from .. import codes, prompt, sizes, song
from ..nets.llama import Llama
from .loop import Trainer, load

_UNPROMPTED = 0.12                              # share of sequences that learn the unguided row
_FAR = 10_000                                   # positions that a song may already have before a section


def new_stage1():
    return Llama(sizes.STAGE1, len(prompt.STAGE1))


def new_stage2():
    return Llama(sizes.STAGE2, len(prompt.STAGE2))


def _song_ids(seed):
    """Indices of the head, and of every section the prompt and the audio."""
    made = song.make(seed)
    texts = [(tag, words) for tag, words, _ in made.sections]
    sections = [(prompt.STAGE1.index(prompt.section(tag, words, i == 0)).astype(np.int16), prompt.STAGE1.index(prompt.audio(frames)).astype(np.int16))
                for i, (tag, words, frames) in enumerate(made.sections)]
    return prompt.STAGE1.index(prompt.head(made.genre_line, texts)).astype(np.int16), sections


def _many(function, seeds):
    with ProcessPoolExecutor(max(1, (os.cpu_count() or 1) - 1)) as workers:
        return list(workers.map(function, seeds, chunksize=max(1, len(seeds) // 512)))


def _sequence(random, song_ids, context):
    """One training sequence: ids, positions, and which ids are to be learned."""
    head, sections = song_ids
    first = random.randrange(len(sections))
    if random.random() < _UNPROMPTED:
        audio = sections[first][1]
        ids = np.concatenate([prompt.STAGE1.index([prompt.XCODEC]), audio])
        return ids, np.arange(len(ids)), np.arange(len(ids)) > 0
    if random.random() < 0.5:
        first = 0
    parts, heard = [head], [np.zeros(len(head), bool)]
    for text, audio in sections[first:]:
        parts += [text, audio]
        heard += [np.zeros(len(text), bool), np.ones(len(audio), bool)]
    ids, positions = np.concatenate(parts), np.arange(sum(map(len, parts)))
    if first > 0 and random.random() < 0.7:     # as after many sections, or after those that were left out
        positions[len(head):] += random.choice((sum(len(t) + len(a) for t, a in sections[:first]), random.randrange(_FAR)))
    return ids, positions, np.concatenate(heard)


def _batch(random, songs, count, context, device):
    ids, positions, learned = (np.zeros((count, context + 1), np.int64) for _ in range(3))
    for row in range(count):
        i, p, l = _sequence(random, random.choice(songs), context)
        length = min(len(i), context + 1)
        ids[row, :length], positions[row, :length], learned[row, :length] = i[:length], p[:length], l[:length]
    tensors = [torch.from_numpy(a) for a in (ids, positions, learned)]
    if device != "cpu":
        tensors = [t.pin_memory().to(device, non_blocking=True) for t in tensors]
    return tensors


def stage1(run):
    first = song.TRAINING_SEED
    songs = _many(_song_ids, range(first, first + run.training.lyric_songs))
    tests = [_song_ids(seed) for seed in range(song.HELD_OUT_SEED, song.HELD_OUT_SEED + run.training.held_out)]
    model, random = new_stage1(), Random(0)
    zero_rows = float(np.log(sizes.STAGE1.vocabulary - len(prompt.STAGE1)))
    forward = run.compiled(model)

    def loss_of(material, random, forward):
        ids, positions, learned = _batch(random, material, run.training.sequences, run.training.context, run.device)
        with run.autocast():
            hidden = forward(ids[:, :-1], positions[:, :-1])
        wanted = learned[:, 1:].flatten().nonzero()[:, 0]
        logits = model.logits(hidden.flatten(0, 1)[wanted].float())
        # The service's softmax runs over the zero rows, too.
        total = torch.logaddexp(logits.logsumexp(-1), torch.full((), zero_rows, device=logits.device))
        right = logits.gather(1, ids[:, 1:].flatten()[wanted][:, None])[:, 0]
        return (total - right).mean()

    def held_out():
        return {"loss": loss_of(tests, Random(1), model).item()}

    Trainer("stage1", model, run.work, run.device, run.minutes, run.steps, 3e-3).run(lambda fraction: loss_of(songs, random, forward), held_out)


FRAMES, _SHORT_FRAMES = 300, 90                 # of a stage-2 chunk; the last one of a song is shorter


def _track_codes(seed):
    """Both tracks' codes of a song, [F, 8] each."""
    sections = [frames for _, _, frames in song.make(seed).sections]
    return [np.concatenate([track(frames).T for frames in sections]).astype(np.int16) for track in (codes.vocal, codes.instrumental)]


def _chunk_ids(chunk):
    """[F, 8] codes to indices of the prompt and the frames."""
    flat = 3 + codes.CODES * np.arange(codes.CODEBOOKS) + chunk.astype(np.int64)
    return np.concatenate([[0, 1], flat[:, 0], [2], flat.reshape(-1)])


def _draw_chunks(random, tracks, count, device):
    """Chunks of equal length: most of them whole."""
    frames = FRAMES if random.random() < 0.75 else _SHORT_FRAMES
    rows = []
    for _ in range(count):
        track = random.choice(tracks)
        start = random.randrange(max(1, len(track) - frames + 1))
        chunk = track[start:start + frames]
        rows.append(_chunk_ids(np.pad(chunk, ((0, frames - len(chunk)), (0, 0)), mode="edge")))
    return torch.as_tensor(np.stack(rows), device=device), frames


def _slot_logits(model, hidden, slot):
    return model.logits(hidden, 3 + slot * codes.CODES, codes.CODES)


def stage2(run):
    first = song.TRAINING_SEED
    tracks = [t for pair in _many(_track_codes, range(first, first + run.training.songs)) for t in pair]
    tests = [t for seed in range(song.HELD_OUT_SEED, song.HELD_OUT_SEED + run.training.held_out) for t in _track_codes(seed)]
    model, random = new_stage2(), Random(0)
    forward = run.compiled(model)

    def slots(material, random, forward):
        ids, frames = _draw_chunks(random, material, run.training.chunks, run.device)
        positions = torch.arange(ids.shape[1] - 1, device=run.device).expand(len(ids), -1)
        with run.autocast():
            hidden = forward(ids[:, :-1], positions)
        behind = hidden[:, 3 + frames:]
        for slot in range(1, codes.CODEBOOKS):
            # The id before slot s of frame f is at 3 + frames + 8 f + s - 1; the one that it writes is the next.
            yield _slot_logits(model, behind[:, slot - 1::codes.CODEBOOKS].float(), slot), ids[:, 3 + frames + slot::codes.CODEBOOKS] - 3 - slot * codes.CODES

    def loss_of(fraction):
        return sum(F.cross_entropy(logits.flatten(0, 1), wanted.flatten()) for logits, wanted in slots(tracks, random, forward)) / (codes.CODEBOOKS - 1)

    def held_out():
        return {f"right_{slot}": (logits.argmax(-1) == wanted).float().mean().item() for slot, (logits, wanted) in enumerate(slots(tests, Random(1), model), 1)}

    Trainer("stage2", model, run.work, run.device, run.minutes, run.steps, 3e-3).run(loss_of, held_out)


def trained_stage1(run):
    return load(new_stage1(), "stage1", run.work, run.device)


def trained_stage2(run):
    return load(new_stage2(), "stage2", run.work, run.device)

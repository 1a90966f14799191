"""The phases of the language models: stage 1, from text to codebook 0, and stage 2, from codebook 0 to the other seven."""
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from random import Random
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from .. import checkpoints, codes, genre as genres, prompt, score, sizes, song
from ..nets.llama import Llama
from . import hints
from .loop import Trainer, load

_UNPROMPTED = 0.12                              # share of sequences without text, which train the unconditional prediction
_DISTURBED = 0.25                               # share of sections with a disturbance before a bar
_DISTURBANCE_FRAMES = (8, 240)                  # the length of a disturbance
_FAR = 10_000                                   # limit on the number of positions that are skipped before a section
_SHORT_UNTIL = 0.5                              # share of the time with short sequences
_RATE, _HINTS_WEIGHT = 3e-3, 1.0                # initial values
_FROM_RATE = 2e-3                               # the initial rate for the weights of a finished set
_LATER_RATE, _LATER_HINTS_WEIGHT = 1.5e-3, 0.3  # for a model that can already sing and has new probes
_WORKERS = 8                                    # processes that prepare batches


def begun_stage1(run):
    """Returns the initial stage-1 model: a new one, or that of the set from which the run continues."""
    return _begun(run, sizes.STAGE1, prompt.STAGE1, checkpoints.STAGE1_NAME)


def begun_stage2(run):
    return _begun(run, sizes.STAGE2, prompt.STAGE2, checkpoints.STAGE2_NAME)


def _begun(run, config, used, name):
    model = Llama(config, len(used))
    if run.begin:
        checkpoints.read_llama(model, used, os.path.join(run.begin, name))
    return model


@dataclass
class _Song:
    """A training song. texts: [(tag, words), ...]; sections: the indices of prompt and audio, and the hints, of each section."""
    genre: genres.Genre
    texts: list
    sections: list

    def head(self, random):
        """Returns the indices of the head, with a new genre line."""
        return prompt.STAGE1.index(prompt.head(genres.line(random, self.genre), self.texts))


def _song_of(seed):
    made = song.make(seed)
    texts = [(tag, words) for tag, words, _ in made.sections]
    sections = [(prompt.STAGE1.index(prompt.section(tag, words, i == 0)).astype(np.int16), prompt.STAGE1.index(prompt.audio(frames)).astype(np.int16),
                 hints.section(tag, words, frames, i == 0)) for i, (tag, words, frames) in enumerate(made.sections)]
    return _Song(made.genre, texts, sections)


def _many(function, seeds):
    with ProcessPoolExecutor(max(1, (os.cpu_count() or 1) - 1)) as workers:
        return list(workers.map(function, seeds, chunksize=max(1, len(seeds) // 512)))


def _disturbance(random, songs, before):
    """Returns a disturbance: the last frame repeated many times, or a part of another song."""
    frames = round(np.exp(random.uniform(*np.log(_DISTURBANCE_FRAMES))))
    if random.random() < 0.5:
        return np.tile(before[-2:], frames)
    _, other, _ = random.choice(random.choice(songs).sections)
    start = 2 * random.randrange(max(1, len(other) // 2 - frames))
    return other[start:-1][:2 * frames]


def _audio(random, songs, one, section):
    """Returns a section's audio, a mask of its ids that are targets, and the hints of prompt and audio. Sometimes a disturbance is
    inserted before a bar. The model does not learn the disturbance itself, but learns to return to the genre line and the lyrics."""
    text, audio, section_hints = section
    bars = (len(audio) // 2 - 1) // (score.STEPS * one.genre.step_frames)
    if random.random() >= _DISTURBED or bars < 1:
        return audio, np.ones(len(audio), bool), section_hints
    at = 2 * score.STEPS * one.genre.step_frames * random.randint(1, bars)
    disturbance = _disturbance(random, songs, audio[:at])
    learned = np.r_[np.ones(at, bool), np.zeros(len(disturbance), bool), np.ones(len(audio) - at, bool)]
    return np.concatenate([audio[:at], disturbance, audio[at:]]), learned, section_hints.interrupted(len(text) + at, len(disturbance))


def _sequence(random, songs, one):
    """Returns one training sequence: ids, positions, a mask of the ids that are targets, and the hints."""
    sections = one.sections
    first = random.randrange(len(sections))
    if random.random() < _UNPROMPTED:
        ids = np.concatenate([prompt.STAGE1.index([prompt.XCODEC]), sections[first][1]])
        return ids, np.arange(len(ids)), np.arange(len(ids)) > 0, *hints.unprompted(len(ids))
    if random.random() < 0.5:
        first = 0
    head = one.head(random)
    parts, heard, placed = [head], [np.zeros(len(head), bool)], []
    for section in sections[first:]:
        audio, learned, section_hints = _audio(random, songs, one, section)
        parts += [section[0], audio]
        heard += [np.zeros(len(section[0]), bool), learned]
        placed.append(section_hints)
    ids, positions = np.concatenate(parts), np.arange(sum(map(len, parts)))
    if first > 0 and random.random() < 0.7:     # as if after many sections, or after dropped sections
        positions[len(head):] += random.choice((sum(len(t) + len(a) for t, a, _ in sections[:first]), random.randrange(_FAR)))
    return ids, positions, np.concatenate(heard), *hints.placed(len(head), placed)


class _Batches(IterableDataset):
    """Yields batches endlessly: rows of context + 1 ids with the other results of _sequence, and the genre labels of each row.
    shapes: [(count, context), ...], shortest first. A sequence is put into the first shape that it fits into; if it fits into
    none, it is truncated to the context of the last."""

    def __init__(self, songs, shapes, seed):
        self._songs, self._shapes, self._seed = songs, shapes, seed

    def __iter__(self):
        worker = get_worker_info()
        random = Random(self._seed if worker is None else f"{self._seed} {worker.id}")
        waiting = [[] for _ in self._shapes]
        while True:
            one = random.choice(self._songs)
            sequence = _sequence(random, self._songs, one)
            fitting = [i for i, (_, context) in enumerate(self._shapes) if len(sequence[0]) <= context + 1] or [-1]
            (count, context), rows = self._shapes[fitting[0]], waiting[fitting[0]]
            rows.append((*sequence, hints.genre_labels(one.genre)))
            if len(rows) == count:
                yield _stacked(rows, context + 1)
                rows.clear()


def _stacked(rows, length):
    *columns, genres = zip(*rows)
    tensors = []
    for column, empty in zip(columns, (0, 0, 0, -1, -1, 0)):
        stack = np.full((len(rows), length, *column[0].shape[1:]), empty, np.int64)
        for row, values in zip(stack, column):
            row[:len(values)] = values[:length]
        tensors.append(torch.from_numpy(stack))
    return [*tensors, torch.from_numpy(np.stack(genres).astype(np.int64))]


def _batches(run, songs, shapes, seed=0, workers=_WORKERS):
    """Yields batches on the device. Other processes prepare them while the device is busy."""
    on_cpu = run.device == "cpu"
    loader = DataLoader(_Batches(songs, shapes, seed), batch_size=None, num_workers=0 if on_cpu else workers, pin_memory=not on_cpu)
    return ([t.to(run.device, non_blocking=True) for t in batch] for batch in loader)


def _next_id_loss(model, hidden, ids, learned, zero_rows):
    wanted = learned[:, 1:].flatten().nonzero()[:, 0]
    logits = model.logits(hidden.flatten(0, 1)[wanted].float())
    # The service's softmax includes the zero rows.
    total = torch.logaddexp(logits.logsumexp(-1), torch.full((), zero_rows, device=logits.device))
    right = logits.gather(1, ids[:, 1:].flatten()[wanted][:, None])[:, 0]
    return (total - right).mean()


def stage1(run):
    first, training = song.TRAINING_SEED, run.training
    songs = _many(_song_of, range(first, first + training.lyric_songs))
    tests = [_song_of(seed) for seed in range(song.HELD_OUT_SEED, song.HELD_OUT_SEED + training.held_out)]
    model = begun_stage1(run)
    rate, hints_weight, short_until = (_LATER_RATE, _LATER_HINTS_WEIGHT, 0) if run.later else (_FROM_RATE if run.begin else _RATE, _HINTS_WEIGHT, _SHORT_UNTIL)
    asked = hints.Hints(sizes.STAGE1.hidden).to(run.device)
    zero_rows, end = float(np.log(sizes.STAGE1.vocabulary - len(prompt.STAGE1))), int(prompt.STAGE1.index([prompt.END_OF_AUDIO])[0])
    forward = run.compiled(model.states)
    # The first batches have more sequences, which are short or truncated. Then whole songs follow, because the model ends a section
    # well only at distances from the song's beginning that occurred in training.
    middle = (training.sequences, training.context)
    whole_songs = [middle, (max(1, training.sequences * training.context // training.longest), training.longest)]
    whole = _batches(run, songs, whole_songs)
    short = _batches(run, songs, [(2 * training.sequences, training.context // 2)]) if short_until else whole

    def losses_of(batch, forward):
        ids, positions, learned, looked, told, genre_at, genre = batch
        positions = positions[:, :-1]
        with run.autocast():
            states = forward(ids[:, :-1], positions)
            asked_for = asked(model, states, positions, looked[:, :-1], told[:, :-1], genre_at[:, :-1], genre)
        return _next_id_loss(model, states[-1], ids, learned, zero_rows), *asked_for

    def loss_of(fraction):
        next_id, *others = losses_of(next(short if fraction < short_until else whole), forward)
        return next_id + hints_weight * (1 - fraction) * sum(others)

    def held_out():
        batch, far = (next(_batches(run, tests, [shape], seed=1, workers=0)) for shape in (middle, whole_songs[-1]))
        found = dict(zip(("loss", "looking", "telling", "genre"), (loss.item() for loss in losses_of(batch, model.states))))
        ids, positions, learned, *_ = far
        with run.autocast():
            hidden = model(ids[:, :-1], positions[:, :-1])
        loss_of_ids = {"loss_whole": learned, "loss_ends": ids == end}
        return found | {name: _next_id_loss(model, hidden, ids, which, zero_rows).item() for name, which in loss_of_ids.items()}

    Trainer("stage1", model, run.work, run.device, run.minutes, run.steps, rate, beside=asked).run(loss_of, held_out)


FRAMES = 300                                    # frames per stage-2 chunk; the last chunk of a song may be shorter
_CHUNKS = ((0.7, FRAMES), (0.15, 90), (0.15, 40))       # shares of the training chunks, and their lengths in frames
_FADING_STARTS = 0.2                            # share of the instrumental chunks that begin while the last chord of a section is fading


def _track_codes(seed):
    """Returns the codes of both tracks of a song, [F, 8] each."""
    sections = [frames for _, _, frames in song.make(seed).sections]
    return [np.concatenate([track(frames).T for frames in sections]).astype(np.int16) for track in (codes.vocal, codes.instrumental)]


def _chunk_ids(chunk):
    """Converts codes [F, 8] to indices of the prompt and the frames."""
    flat = 3 + codes.CODES * np.arange(codes.CODEBOOKS) + chunk.astype(np.int64)
    return np.concatenate([[0, 1], flat[:, 0], [2], flat.reshape(-1)])


def _draw_chunks(random, tracks, count, device):
    """Returns the ids of chunks of equal length and their number of frames, which is usually FRAMES."""
    shares, lengths = zip(*_CHUNKS)
    frames = random.choices(lengths, shares)[0]
    rows = []
    for _ in range(count):
        track = random.choice(tracks)
        starts = range(max(1, len(track) - frames + 1))
        fading = np.flatnonzero(codes.fades(track[:len(starts), 0])) if random.random() < _FADING_STARTS else ()
        start = random.choice(fading if len(fading) else starts)
        chunk = track[start:start + frames]
        rows.append(_chunk_ids(np.pad(chunk, ((0, frames - len(chunk)), (0, 0)), mode="edge")))
    return torch.as_tensor(np.stack(rows), device=device), frames


def _slot_logits(model, hidden, slot):
    return model.logits(hidden, 3 + slot * codes.CODES, codes.CODES)


def stage2(run):
    first = song.TRAINING_SEED
    tracks = [t for pair in _many(_track_codes, range(first, first + run.training.songs)) for t in pair]
    tests = [t for seed in range(song.HELD_OUT_SEED, song.HELD_OUT_SEED + run.training.held_out) for t in _track_codes(seed)]
    model, random = begun_stage2(run), Random(0)
    forward = run.compiled(model)

    def slots(material, random, forward):
        ids, frames = _draw_chunks(random, material, run.training.chunks, run.device)
        positions = torch.arange(ids.shape[1] - 1, device=run.device).expand(len(ids), -1)
        with run.autocast():
            hidden = forward(ids[:, :-1], positions)
        after = hidden[:, 3 + frames:]
        for slot in range(1, codes.CODEBOOKS):
            # The id before slot s of frame f is at 3 + frames + 8 f + s - 1; the id to predict is the next one.
            yield _slot_logits(model, after[:, slot - 1::codes.CODEBOOKS].float(), slot), ids[:, 3 + frames + slot::codes.CODEBOOKS] - 3 - slot * codes.CODES

    def loss_of(fraction):
        return sum(F.cross_entropy(logits.flatten(0, 1), wanted.flatten()) for logits, wanted in slots(tracks, random, forward)) / (codes.CODEBOOKS - 1)

    def held_out():
        return {f"right_{slot}": (logits.argmax(-1) == wanted).float().mean().item() for slot, (logits, wanted) in enumerate(slots(tests, Random(1), model), 1)}

    Trainer("stage2", model, run.work, run.device, run.minutes, run.steps, 1.5e-3 if run.begin else 3e-3).run(loss_of, held_out)


def trained_stage1(run):
    return load(begun_stage1(run), "stage1", run)


def trained_stage2(run):
    return load(begun_stage2(run), "stage2", run)

"""Makes many songs at once with trained models in PyTorch, with the same steps and sampling as the service."""
from dataclasses import dataclass, field
import numpy as np
import torch
from . import codes, prompt
from .nets import llama
from .nets.codec import Codec
from .phases.language import FRAMES
from .sounds import embed

MIN_NEW, TOP_K, TOP_P, PENALTY = 100, 50, 0.93, 1.1
_FIRST_GUIDANCE, _LATER_GUIDANCE = 1.5, 1.2


@dataclass
class Singer:
    """The state of one song in stage 1."""
    forced: list                                # given indices that have not been processed yet
    later: list                                 # prompts of the following sections
    sung: list = field(default_factory=lambda: [[]])    # codebook-0 codes of each section, without the end id
    ended: list = field(default_factory=list)   # for each section, True if the model ended it
    done: bool = False

    @property
    def guidance(self):
        return _LATER_GUIDANCE if len(self.sung) > 1 else _FIRST_GUIDANCE


def _allowed():
    """Returns the indices of the end id and of codebook 0."""
    first = int(prompt.STAGE1.index([prompt.XCODEC_BASE])[0])
    return torch.tensor([int(prompt.STAGE1.index([prompt.END_OF_AUDIO])[0]), *range(first, first + codes.CODES)])


def singer(genre_line, sections):
    """Returns the singer of a song. sections: [(tag, words), ...], all of which are sung."""
    index = prompt.STAGE1.index
    parts = [list(index(prompt.section(tag, words, i == 0))) for i, (tag, words) in enumerate(sections)]
    return Singer(list(index(prompt.head(genre_line, sections))) + parts[0], parts[1:])


def _choose(logits, singers, seen, count, generator, zero_rows):
    """Samples one id per song from conditional and unconditional logits [2, B, V]; returns indices into the allowed ids."""
    total = torch.logaddexp(logits.logsumexp(-1, keepdim=True), zero_rows)
    conditional, free = (logits - total)[..., _allowed().to(logits.device)]
    scale = torch.tensor([s.guidance for s in singers], device=logits.device)[:, None]
    scores = free + scale * (conditional - free)
    scores = torch.where(seen, torch.where(scores < 0, scores * PENALTY, scores / PENALTY), scores)
    scores[:, 0] = torch.where(count < MIN_NEW, -torch.inf, scores[:, 0])
    scores, order = scores.topk(TOP_K)
    chances = scores.softmax(-1)
    chances = torch.where(chances.cumsum(-1) - chances < TOP_P, chances, 0.0)
    return order.gather(1, torch.multinomial(chances, 1, generator=generator))[:, 0]


@torch.no_grad()
def stage1(model, singers, max_new_tokens, seed, device):
    """Sings every section of every song, with all songs in parallel."""
    rows = len(singers)
    capacity = max(len(s.forced) + sum(map(len, s.later)) + (1 + len(s.later)) * max_new_tokens for s in singers)
    cache = llama.Cache(model, 2 * rows, capacity + 1, device)
    generator = torch.Generator(device).manual_seed(seed)
    allowed = _allowed().to(device)
    zero_rows = torch.tensor(float(np.log(model.config.vocabulary - model.used)), device=device)
    seen = torch.zeros(rows, len(allowed), dtype=torch.bool, device=device)
    count = torch.zeros(rows, dtype=torch.long, device=device)
    fed = torch.tensor([s.forced.pop(0) for s in singers], device=device)
    while not all(s.done for s in singers):
        # An id is sampled for a song once all of its given ids have been processed. The song's unconditional row advances only then.
        samples = torch.tensor([not s.forced and not s.done for s in singers], device=device)
        moves = torch.cat([torch.tensor([not s.done for s in singers], device=device), samples])
        hidden = model(torch.cat([fed, fed])[:, None], cache.prepare(1), cache)[:, 0]
        cache.lengths += moves
        chosen = _choose(model.logits(hidden).unflatten(0, (2, rows)), singers, seen, count, generator, zero_rows)
        seen[torch.arange(rows, device=device), chosen] |= samples
        count += samples
        picks = chosen.tolist()
        next_ids = []
        for row, one in enumerate(singers):
            if one.done or one.forced:
                next_ids.append(one.forced.pop(0) if one.forced else 0)
                continue
            next_ids.append(int(allowed[picks[row]]))
            if _take(one, picks[row], max_new_tokens):
                count[row] = 0
                cache.lengths[rows + row] = 0
        fed = torch.tensor(next_ids, device=device)
    return singers


def _take(one, pick, max_new_tokens):
    """Records a choice, an index into the allowed ids (0 is the end id). Returns True if the section has ended."""
    if pick:
        one.sung[-1].append(pick - 1)
    if pick and len(one.sung[-1]) < max_new_tokens:
        return False
    one.ended.append(pick == 0)
    if one.later:
        one.forced = ([] if pick == 0 else [int(_allowed()[0])]) + one.later.pop(0)
        one.sung.append([])
    else:
        one.done = True
    return True


def sections(one):
    """Returns the codebook-0 codes of both tracks, [F] each, of every section."""
    pairs = [np.array(section[:len(section) // 2 * 2], int).reshape(-1, 2) for section in one.sung]
    return [(both[:, 0], both[:, 1]) for both in pairs]


def tracks(one):
    """Returns the codebook-0 codes of both tracks of the whole song, [F] each."""
    return [np.concatenate(track) for track in zip(*sections(one))]


@torch.no_grad()
def stage2(model, all_tracks, device):
    """Returns all eight codes [F, 8] for each track's codebook-0 codes [F], decoded greedily with the chunks of all tracks in parallel."""
    chunks = [track[i:i + FRAMES] for track in all_tracks for i in range(0, len(track), FRAMES)]
    frames = max(map(len, chunks))
    padded = torch.as_tensor(np.stack([np.pad(c, (0, frames - len(c)), mode="edge") for c in chunks]), device=device)
    written = iter(_residual_codes(model, padded, device))
    return [torch.cat([next(written)[:len(track) - i] for i in range(0, len(track), FRAMES)]) for track in all_tracks]


def _residual_codes(model, first_codes, device):
    """Converts codebook-0 codes [B, F] to [B, F, 8]."""
    rows, frames = first_codes.shape
    cache = llama.Cache(model, rows, 3 + 9 * frames, device)
    first = 3 + first_codes                     # indices of codebook 0
    begin, end = (torch.tensor(ids, device=device).expand(rows, -1) for ids in ([0, 1], [2]))
    ids = torch.cat([begin, first, end, first[:, :1]], 1)
    out = first_codes[..., None].repeat(1, 1, codes.CODEBOOKS)
    for frame in range(frames):
        for slot in range(1, codes.CODEBOOKS):
            hidden = model(ids, cache.prepare(ids.shape[1]), cache)[:, -1]
            cache.lengths += ids.shape[1]
            out[:, frame, slot] = model.logits(hidden, 3 + slot * codes.CODES, codes.CODES).argmax(-1)
            ids = (3 + slot * codes.CODES + out[:, frame, slot])[:, None]
        if frame + 1 < frames:
            ids = torch.cat([ids, first[:, frame + 1:frame + 2]], 1)
    return out


@torch.no_grad()
def sound(codec: Codec, vocoder, rows, codes_of_track):
    """Returns the 16 kHz and 44.1 kHz sound of codes [F, 8]."""
    embedding = embed(rows, codes_of_track[None])
    return codec.decode(embedding)[0].cpu().numpy(), vocoder(embedding)[0].cpu().numpy()

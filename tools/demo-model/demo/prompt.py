"""The ids that the service passes to stage 1 and stage 2, and the subset that the demo uses."""
import numpy as np
from . import codes, tokenizer

START_OF_AUDIO, END_OF_AUDIO, STAGE_1, XCODEC, STAGE_2, XCODEC_BASE = 32001, 32002, 32013, 32016, 32017, 45334
STAGE1_VOCABULARY, STAGE2_VOCABULARY = 46464, 53632         # multiples of 128 above the last used id


class Used:
    """The used ids and their indices, in order."""

    def __init__(self, ids):
        self.ids = np.asarray(ids)
        self._index = np.full(self.ids.max() + 1, -1)
        self._index[self.ids] = np.arange(len(self.ids))

    def __len__(self):
        return len(self.ids)

    def index(self, ids):
        found = self._index[np.asarray(ids)]
        assert (found >= 0).all(), "an id that is not used"
        return found


STAGE1 = Used([*range(len(tokenizer.PIECES)), START_OF_AUDIO, END_OF_AUDIO, XCODEC, *range(XCODEC_BASE, XCODEC_BASE + codes.CODES)])
STAGE2 = Used([START_OF_AUDIO, STAGE_1, STAGE_2, *range(XCODEC_BASE, XCODEC_BASE + codes.CODEBOOKS * codes.CODES)])


def section_text(tag, words):
    return f"[{tag}]\n{words.strip()}\n\n"


def head(genre_line, sections):
    lyrics = "\n".join(section_text(tag, words) for tag, words in sections)
    return tokenizer.encode(f"Generate music from the given lyrics segment by segment.\n[Genre] {genre_line.strip()}\n{lyrics}")


def section(tag, words, is_first):
    """Returns the ids between the head, or the previous section, and a section's audio."""
    before = [] if is_first else tokenizer.encode("[end_of_segment]")
    return before + tokenizer.encode("[start_of_segment]") + tokenizer.encode(section_text(tag, words)) + [START_OF_AUDIO, XCODEC]


def audio(frames):
    """Returns the codebook-0 ids of a section, with the two tracks alternating, and the end id."""
    both = np.stack([codes.vocal(frames)[0], codes.instrumental(frames)[0]], 1).reshape(-1)
    return [*(XCODEC_BASE + both), END_OF_AUDIO]

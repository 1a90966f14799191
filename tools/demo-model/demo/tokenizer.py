"""The demo's SentencePiece model, whose pieces contain at most one sung vowel each.

A byte-pair model with byte fallback. Its merges make vowel groups ("ea"), consonant digraphs ("sh"), and a consonant in
front of a vowel group ("shea"), so a piece is the beginning of a syllable, or a consonant or digraph: "sunset" is su n se t.
"""
import struct

SPACE = "\u2581"
VOWELS = "aeiou"
CONSONANTS = "bcdfghjklmnprstvwxz"         # without q, which is merged only as qu, and y, which is treated separately
DIGRAPHS = ("qu", "sh", "ch", "th", "ph", "ck", "ng", "wh", "gh")
FIRST_BYTE = 3
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def _merged():
    """Returns the pieces of more than one letter, in merge order."""
    groups = [a + b for a in VOWELS for b in VOWELS + "y"]
    nuclei = groups + list(VOWELS) + ["y"]
    yield from DIGRAPHS
    yield from groups
    yield from ("y" + nucleus for nucleus in groups + list(VOWELS))
    for onset in DIGRAPHS + tuple(CONSONANTS):
        yield from (onset + nucleus for nucleus in nuclei)


MERGED = tuple(_merged())
CHARACTERS = (SPACE, "\n") + tuple(chr(c) for c in range(ord("!"), ord("~") + 1))
PIECES = ("<unk>", "<s>", "</s>") + tuple(f"<0x{b:02X}>" for b in range(256)) + MERGED + CHARACTERS
IDS = {piece: i for i, piece in enumerate(PIECES)}
RANK = {piece: rank for rank, piece in enumerate(MERGED)}


def cut(text):
    """Cuts text into pieces, without SentencePiece's leading space. Characters without a piece are unchanged."""
    parts = list(text.replace(" ", SPACE))
    while True:
        best = None
        for i in range(len(parts) - 1):
            rank = RANK.get(parts[i] + parts[i + 1])
            if rank is not None and (best is None or rank < best[0]):
                best = (rank, i)
        if best is None:
            return parts
        parts[best[1]:best[1] + 2] = [parts[best[1]] + parts[best[1] + 1]]


_cut_words = {}


def encode(text):
    """Encodes text as ids, like the service's EncodeText."""
    ids = []
    for word in (SPACE + text.replace(" ", SPACE)).split(SPACE)[1:]:
        known = _cut_words.get(word)
        if known is None:
            known = [IDS[SPACE]]
            for part in cut(word):
                known += [IDS[part]] if part in IDS else [FIRST_BYTE + b for b in part.encode()]
            if len(_cut_words) < 200_000:
                _cut_words[word] = known
        ids += known
    return ids


def _varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def _number(field, value):
    return _varint(field << 3) + _varint(value)


def _block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def model_proto():
    """Returns the bytes of tokenizer.model."""
    def kind(i):
        return UNKNOWN if i == 0 else CONTROL if i < FIRST_BYTE else BYTE if i < FIRST_BYTE + 256 else NORMAL

    out = b""
    for i, piece in enumerate(PIECES):
        score = -float(i - FIRST_BYTE - 256) if kind(i) == NORMAL else 0.0
        out += _block(1, _block(1, piece) + _varint(2 << 3 | 5) + struct.pack("<f", score) + _number(3, kind(i)))
    trainer = (_number(3, 2) + _number(4, len(PIECES)) + _number(35, 1) + _number(40, 0) + _number(41, 1) + _number(42, 2)
               + _number(43, 2 ** 64 - 1) + _block(45, "<unk>") + _block(46, "<s>") + _block(47, "</s>"))
    normalizer = _block(1, "identity") + _block(2, b"") + _number(3, 1) + _number(4, 0) + _number(5, 1)
    return out + _block(2, trainer) + _block(3, normalizer)

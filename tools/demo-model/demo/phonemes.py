"""Converts the letters of lyrics to the phonemes that are sung, by rules.

Works on the tokenizer's pieces: each piece with a vowel is a syllable, except for a silent e. The rules are invented, regular, and
similar to those of English, with five vowels and a silent e at the end of a word.
"""
import re
from dataclasses import dataclass
from . import tokenizer

VOWEL_NAMES = "aeiou"
SONORANTS = "mnlrwy"
STOPS = "ptkbdg"
FRICATIVES = "fsSvzh"                       # S stands for sh
GLOTTAL = "?"                               # begins a syllable that has no other consonant

_GROUPS = {
    "aa": "a", "ae": "e", "ai": "e", "ao": "o", "au": "o", "ay": "e", "ea": "i", "ee": "i", "ei": "e", "eo": "i", "eu": "u", "ey": "e",
    "ia": "a", "ie": "i", "ii": "i", "io": "o", "iu": "u", "iy": "i", "oa": "o", "oe": "o", "oi": "o", "oo": "u", "ou": "u", "oy": "o",
    "ua": "a", "ue": "u", "ui": "u", "uo": "o", "uu": "u", "uy": "i", "y": "i",
} | {v: v for v in VOWEL_NAMES}
_ONSETS = {"qu": "kw", "sh": "S", "ch": "tS", "th": "f", "ph": "f", "ck": "k", "ng": "n", "wh": "w", "c": "k", "q": "k", "x": "ks", "j": "dS"}
_MAX_CONSONANTS = 2


@dataclass(frozen=True)
class Syllable:
    """The syllable of one note: consonants, then a vowel."""
    onset: str
    vowel: str


@dataclass(frozen=True)
class Line:
    """A sung line: its syllables, and the consonants after the last one."""
    syllables: tuple
    coda: str


def _split(piece):
    """Returns a piece's consonant letters and its vowel group."""
    piece = piece.lower()
    for i in range(len(piece)):
        if piece[i:] in _GROUPS:
            return piece[:i], piece[i:]
    return piece, ""


def _consonants(letters, vowel, is_word_start):
    if letters == "gh":
        return "g" if is_word_start else ""
    if letters == "c" and vowel[:1] in ("e", "i", "y"):
        return "s"
    return _ONSETS.get(letters, letters if letters.isalpha() and letters.isascii() else "")


def _shorten(consonants):
    """Returns at most two of the consonants, without repetitions."""
    kept = "".join(c for i, c in enumerate(consonants) if i == 0 or consonants[i - 1] != c)
    return kept if len(kept) <= _MAX_CONSONANTS else kept[0] + kept[-1]


def _sung(pieces):
    """Returns which of a word's pieces are sung: those with a vowel. An e at the end of the word is silent unless it is the only vowel."""
    letters = [i for i, piece in enumerate(pieces) if piece[-1].isalpha()]
    vowels = [i for i, piece in enumerate(pieces) if _split(piece)[1]]
    return [i for i in vowels if i == vowels[0] or i != letters[-1] or _split(pieces[i])[1] != "e"]


def _word(word):
    """Returns the consonants and vowels of a word in order: [(onset, vowel), ...], the last one with an empty vowel."""
    found, onset = [], ""
    pieces = tokenizer.cut(word)
    sung = _sung(pieces)
    for i, piece in enumerate(pieces):
        consonants, vowel = _split(piece)
        onset += _consonants(consonants, vowel, i == 0)
        if i in sung:
            found.append((onset, _GROUPS[vowel]))
            onset = ""
    return found + [(onset, "")]


def sung_pieces(text):
    """Returns the sung pieces of ASCII text as indices into the ids of the text, one per syllable."""
    found, at = [], 0
    for separator, word in re.findall(r"(\s?)(\S*)", " " + text):
        pieces = tokenizer.cut(word)
        at += len(separator)
        found += [at + i for i in _sung(pieces)]
        at += len(pieces)
    return found


_words = {}


def line_of(text):
    """Returns the syllables of a line of lyrics."""
    syllables, onset = [], ""
    for word in text.split():
        if word not in _words and len(_words) < 200_000:
            _words[word] = _word(word)
        parts = _words.get(word) or _word(word)
        for consonants, vowel in parts[:-1]:
            syllables.append(Syllable(_shorten(onset + consonants) or GLOTTAL, vowel))
            onset = ""
        onset += parts[-1][0]
    return Line(tuple(syllables), _shorten(onset))


def lines_of(words):
    """Returns the lines of a section's words that contain syllables."""
    return [line for line in map(line_of, words.splitlines()) if line.syllables]

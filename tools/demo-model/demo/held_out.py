"""Held-out songs: their requests, and the files that figures.py measures."""
import json
import os
from dataclasses import dataclass
from . import genre, song, wav

MODES = ("major", "minor")
VOICES = ("male", "female")
_LYRICS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lines", "lyrics.txt")


@dataclass(frozen=True)
class Asked:
    """The request for a song. Facts that the genre line does not name are None.
    sections: [(tag, words), ...]; instruments: any of these is correct."""
    name: str
    genre_line: str
    sections: tuple
    scale: tuple | None = None
    tempo_bpm: float | None = None
    mode: int | None = None
    voice: int | None = None
    instruments: tuple | None = None

    @property
    def lyrics(self):
        return "\n".join(f"[{tag}]\n{words}\n" for tag, words in self.sections)


def read_all(files):
    """Returns the requests in files of genre lines. A row contains a line and the facts that the line names:
    "A line | 72 bpm; A minor; female; piano or guitar". The lyrics are those of lines/lyrics.txt in turn."""
    return [asked for file in files for asked in _read(file)]


def _read(lines):
    with open(_LYRICS) as file:
        texts = [_sections(text) for text in file.read().split("\n---\n")]
    name = os.path.splitext(os.path.basename(lines))[0]
    with open(lines) as file:
        rows = [row.rstrip("\n") for row in file if row.strip()]
    return [_asked(f"{name}-{i + 1:03d}", row, texts[i % len(texts)]) for i, row in enumerate(rows)]


def _sections(text):
    parts = [part.split("]\n", 1) for part in text.strip().split("[")[1:]]
    return tuple((tag, words.strip()) for tag, words in parts)


def _asked(name, row, sections):
    line, _, facts = row.rpartition(" | ") if " | " in row else (row, "", "")
    named = {}
    for fact in filter(None, (fact.strip() for fact in facts.split(";"))):
        first, *rest = fact.split()
        if rest == ["bpm"]:
            named["tempo_bpm"] = genre.tempo_of(genre.nearest_step(float(first)))
        elif fact in MODES:
            named["mode"] = MODES.index(fact)
        elif first in genre.TONICS:
            named["mode"] = MODES.index(rest[0])
            named["scale"] = genre.scale_of(genre.TONICS.index(first), named["mode"])
        elif fact in VOICES:
            named["voice"] = VOICES.index(fact)
        else:
            named["instruments"] = tuple(map(genre.INSTRUMENTS.index, fact.split(" or ")))
    return Asked(name, line, sections, **named)


def asked(count):
    """Yields requests for songs with a genre line that names everything, and with lyrics of two sections and at most eight lines."""
    seed = song.HELD_OUT_SEED
    while count > 0:
        made = song.make(seed, say_all=True)
        lines = [len(words.splitlines()) for _, words, _ in made.sections]
        if len(lines) == 2 and min(lines) > 0 and sum(lines) <= 8:
            g = made.genre
            sections = tuple((tag, words) for tag, words, _ in made.sections)
            yield Asked(f"song-{seed:03d}", made.genre_line, sections, g.scale, g.tempo_bpm, g.mode, g.voice, (g.instrument,))
            count -= 1
        seed += 1


def write(folder, asked, seconds, ended, tracks):
    """Writes the request, the length of each section, whether each section ended on its own, and the tracks: name → (wave, rate)."""
    base = os.path.join(folder, asked.name)
    for name, (wave, rate_hz) in tracks.items():
        wav.write(f"{base}.{name}.wav", wave, rate_hz)
    with open(base + ".json", "w") as file:
        json.dump({
            "genre": asked.genre_line, "lyrics": asked.lyrics, "scale": asked.scale, "tempo_bpm": asked.tempo_bpm, "mode": asked.mode,
            "voice": asked.voice, "instruments": asked.instruments, "sections": asked.sections,
            "seconds": seconds, "ended": ended}, file, indent=1)

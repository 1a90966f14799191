"""Songs that no model learned from: what is asked for, and the files that figures.py measures."""
import json
import os
from . import song, wav


def asked(count):
    """(seed, song) with a genre line that says everything, and lyrics of two sections and at most eight lines."""
    seed = song.HELD_OUT_SEED
    while count > 0:
        made = song.make(seed, said_all=True)
        lines = [len(words.splitlines()) for _, words, _ in made.sections]
        if len(lines) == 2 and min(lines) > 0 and sum(lines) <= 8:
            yield seed, made
            count -= 1
        seed += 1


def write(folder, seed, made, seconds, ended, tracks):
    """Writes what was asked for, how long each section became, whether it ended by itself, and the tracks: name → (wave, rate)."""
    genre = made.genre
    base = os.path.join(folder, f"song-{seed:03d}")
    for name, (wave, rate_hz) in tracks.items():
        wav.write(f"{base}.{name}.wav", wave, rate_hz)
    with open(base + ".json", "w") as file:
        json.dump({
            "seed": seed, "genre": made.genre_line, "lyrics": made.lyrics, "scale": genre.scale, "tempo_bpm": genre.tempo_bpm, "mode": genre.mode,
            "voice": genre.voice, "instrument": genre.instrument, "sections": [[tag, words] for tag, words, _ in made.sections],
            "seconds": seconds, "ended": ended}, file, indent=1)

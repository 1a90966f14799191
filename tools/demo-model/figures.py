"""Prints the figures of a folder of songs written by sing.py or sing_with_yue.py: one JSON object per song, one for all, and a table.

usage: figures.py DIR [--set DIR]      with a checkpoint set, also prints the figure for its codec (this needs PyTorch)
"""
import argparse
import glob
import json
import os
from concurrent.futures import ProcessPoolExecutor
import numpy as np
from demo import genre, phonemes, wav
from demo.hear import band, faults, pitch, vowels


def _load(path):
    return wav.read(path)[0]


def measure(path):
    """Returns the figures of one song."""
    base = path.removesuffix(".json")
    with open(path) as file:
        facts = json.load(file)
    voice, instruments = (_load(f"{base}.{name}.wav") for name in ("vocal", "instrumental"))
    heard = pitch.track(voice)
    wanted = [s.vowel for _, words in facts["sections"] for line in phonemes.lines_of(words) for s in line.syllables]
    sung = [vowel for _, _, vowel in vowels.sung(voice, heard)]
    tempo = band.tempo_bpm(instruments)
    return {
        "song": os.path.basename(base), "in_key": _in_key(heard, facts["scale"]), "tempo": tempo,
        "tempo_right": None if facts["tempo_bpm"] is None else band.same_tempo(tempo, facts["tempo_bpm"]),
        "vowels_right": vowels.right(sung, wanted), "vowels_sung": len(sung), "vowels_wanted": len(wanted),
        "vowels_by_chance": vowels.right(sung, list(np.random.default_rng(0).permutation(wanted))),
        "mode_right": None if facts["mode"] is None else (band.minor_share(instruments) > 0.5) == bool(facts["mode"]),
        "register_right": None if facts["voice"] is None else pitch.is_female(heard) == bool(facts["voice"]),
        "instrument_right": None if facts["instruments"] is None else band.instrument(instruments) in facts["instruments"],
        "voiced": float((heard.hertz > 0).mean()), "tail_db": faults.tail_db(*wav.read(f"{base}.mix44.wav")),
        "faulty": any(faults.is_faulty(*wav.read(f"{base}.{name}.wav")) for name in ("mix", "mix44")),
        "ended": facts["ended"], "seconds": facts["seconds"],
        "syllables": [sum(len(line.syllables) for line in phonemes.lines_of(words)) for _, words in facts["sections"]]}


def _in_key(heard, scale):
    """Returns the share of voiced frames in the requested key, or in the best-fitting key if none was requested."""
    return pitch.in_key(heard, scale) if scale else max(pitch.in_key(heard, genre.scale_of(tonic, 0)) for tonic in range(12))


def _rank_correlation(a, b):
    def ranks(values):
        order = np.argsort(np.argsort(values, kind="stable"))
        return np.array([np.mean(order[np.asarray(values) == v]) for v in values])

    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def summary(songs):
    wanted = sum(s["vowels_wanted"] for s in songs)
    ended = [e for s in songs for e in s["ended"]]
    steady = [(n, t) for s in songs for n, t in zip(s["syllables"], s["seconds"])]

    def share(name):
        """Returns the share of correct songs among those whose genre line specifies the property."""
        asked = [s[name] for s in songs if s[name] is not None]
        return float(np.mean(asked)), len(asked)

    return {
        "songs": len(songs), "voiced frames in key": float(np.mean([s["in_key"] for s in songs])),
        "tempo right": share("tempo_right"),
        "vowels right": sum(s["vowels_right"] for s in songs) / wanted,
        "vowels right by chance": sum(s["vowels_by_chance"] for s in songs) / wanted,
        "sections that end": (float(np.mean(ended)), len(ended)),
        "rank correlation of syllables and seconds": _rank_correlation(*zip(*steady)),
        "mode right": share("mode_right"), "register right": share("register_right"), "instrument right": share("instrument_right"),
        "songs without a voice": int(sum(s["voiced"] < 0.1 for s in songs)),
        "songs that end abruptly": int(sum(s["ended"][-1] and s["tail_db"] > -20 for s in songs)),
        "songs with a fault": float(np.mean([s["faulty"] for s in songs]))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--set", dest="checkpoint_set")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.jobs) as workers:
        songs = list(workers.map(measure, sorted(glob.glob(os.path.join(arguments.folder, "*.json")))))
    for one in songs:
        print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in one.items()}, default=bool))
    print(json.dumps(summary(songs)))
    for name, value in summary(songs).items():
        value, of = value if isinstance(value, tuple) else (value, None)
        print(f"{name:42} {value:.3f}" + (f" of {of}" if of else "") if isinstance(value, float) else f"{name:42} {value}")
    if arguments.checkpoint_set:
        import codec_figure
        decoded, resampled = codec_figure.errors(arguments.checkpoint_set)
        print(f"{'codec log-mel error, and resampler alone':42} {decoded:.4f} {resampled:.4f} ratio {decoded / resampled:.2f}")


if __name__ == "__main__":
    main()

"""Checks the measuring code: compares its figures with the known content of the rendered songs, and with that of other songs.

usage: check_hearing.py [SONGS] [-v]      SONGS is 40 by default; -v also prints the figures of each song
"""
import argparse
import numpy as np
import torch
from demo import genre, phonemes, render, song
from demo.hear import band, faults, pitch, vowels

RATE_HZ = 16000


def tracks(made, renderer):
    def play(one, controls):
        parts = [one(torch.as_tensor(controls(frames))[None])[0].numpy() for _, _, frames in made.sections]
        return np.concatenate(parts)

    return play(renderer.voice, render.voice_controls), play(renderer.band, render.band_controls)


def wanted_vowels(made):
    return [s.vowel for _, words, _ in made.sections for line in phonemes.lines_of(words) for s in line.syllables]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", nargs="?", type=int, default=40)
    parser.add_argument("-v", dest="is_verbose", action="store_true")
    arguments = parser.parse_args()
    count = arguments.songs
    renderer = render.Renderer(RATE_HZ)
    songs = [song.make(seed, say_all=True) for seed in range(1, count + 1)]
    heard = []
    for made in songs:
        voice, instruments = tracks(made, renderer)
        heard.append((pitch.track(voice), voice, instruments))
    vowel_runs = [[v for _, _, v in vowels.sung(voice, p)] for p, voice, _ in heard]
    tempos = [band.tempo_bpm(i) for _, _, i in heard]
    minors = [band.minor_share(i) > 0.5 for _, _, i in heard]
    instruments = [band.instrument(i) for _, _, i in heard]

    def score(truths, order):
        sure = [t for t in range(count) if len(wanted_vowels(truths[t])) > 0 and len(wanted_vowels(songs[t])) > 0]
        return {
            "in key": np.mean([pitch.in_key(heard[t][0], truths[t].genre.scale) for t in sure]),
            "vowels": sum(vowels.right(vowel_runs[t], order(wanted_vowels(songs[t]))) for t in sure) / sum(len(wanted_vowels(songs[t])) for t in sure),
            "tempo": np.mean([band.same_tempo(tempos[t], truths[t].genre.tempo_bpm) for t in range(count)]),
            "mode": np.mean([minors[t] == truths[t].genre.mode for t in range(count)]),
            "register": np.mean([pitch.is_female(heard[t][0]) == truths[t].genre.voice for t in sure]),
            "instrument": np.mean([instruments[t] == truths[t].genre.instrument for t in range(count)]),
            "faulty": np.mean([faults.is_faulty(voice + i, RATE_HZ) for _, voice, i in heard]),
        }

    true, other = score(songs, list), score(songs[1:] + songs[:1], np.random.default_rng(0).permutation)
    print(f"{'figure':12} {'own truth':>10} {'shuffled':>10}")
    for name in true:
        print(f"{name:12} {true[name]:10.3f} {other[name]:10.3f}")
    if arguments.is_verbose:
        for t in range(count):
            g = songs[t].genre
            print(genre.INSTRUMENTS[g.instrument], g.drums, [round(x, 1) for x in band.timbre(heard[t][2])], "tempo", round(tempos[t], 1), round(g.tempo_bpm, 1),
                  "minor", g.mode, round(band.minor_share(heard[t][2]), 2), "vowels", len(vowel_runs[t]), len(wanted_vowels(songs[t])), vowels.right(vowel_runs[t], wanted_vowels(songs[t])))


if __name__ == "__main__":
    main()

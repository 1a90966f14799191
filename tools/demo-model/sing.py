"""Sings held-out songs with PyTorch, many at once, and prints figures computed from the codes of stage 1.

usage: sing.py [--from SET] [--work DIR] [--songs N] [--lines FILE ...] [--out DIR]

The models come from the phases in a work folder or, for phases that did not run, from a set. The songs have held-out seeds, or
come from files of genre lines (with the lyrics of lines/lyrics.txt in turn). With --out, their sound is written for figures.py.
"""
import argparse
import json
import os
import torch
import train
from demo import codes, held_out, singing, sizes, written
from demo.phases import language, sound

_AT_ONCE = 2000                                 # songs with about this many stage-2 chunks are decoded together


def write_codes(run, songs, max_new_tokens, seed):
    """Runs stage 1 and returns a singer per song."""
    singers = [singing.singer(asked.genre_line, asked.sections) for asked in songs]
    return singing.stage1(language.trained_stage1(run), singers, max_new_tokens, seed, run.device)


def play(run, songs, singers, out):
    """Runs stage 2 and writes the sound of the songs."""
    model, codec, vocoders = language.trained_stage2(run), sound.trained_codec(run), sound.trained_vocoders(run)
    rows = torch.as_tensor(codes.codebooks(), device=run.device)
    waiting, chunks = [], 0
    for asked, one in zip(songs, singers):
        waiting.append((asked, one))
        chunks += 2 * -(-len(singing.tracks(one)[0]) // language.FRAMES)
        if chunks >= _AT_ONCE or one is singers[-1]:
            _play(model, codec, vocoders, rows, waiting, out, run.device)
            waiting, chunks = [], 0


def _play(model, codec, vocoders, rows, songs, out, device):
    whole = iter(singing.stage2(model, [track for _, one in songs for track in singing.tracks(one)], device))
    for asked, one in songs:
        tracks = {}
        for name, vocoder in zip(("vocal", "instrumental"), vocoders):
            low, high = singing.sound(codec, vocoder, rows, next(whole))
            tracks |= {name: (low, 16000), name + "44": (high, 44100)}
        for rate, end in ((16000, ""), (44100, "44")):
            tracks["mix" + end] = (tracks["vocal" + end][0] + tracks["instrumental" + end][0], rate)
        kept = {name: tracks[name] for name in ("vocal", "instrumental", "mix", "mix44")}
        held_out.write(out, asked, [len(s) / 100 for s in one.sung], one.ended, kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="begin", metavar="SET")
    parser.add_argument("--work", default="")
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--lines", nargs="+")
    parser.add_argument("--out")
    parser.add_argument("--max-new-tokens", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    run = train.Run(arguments.work, device, 0, None, sizes.FULL, begin=arguments.begin)
    songs = held_out.read_all(arguments.lines) if arguments.lines else list(held_out.asked(arguments.songs))
    singers = write_codes(run, songs, arguments.max_new_tokens, arguments.seed)
    figures = [written.figures(asked, singing.sections(one), one.ended) for asked, one in zip(songs, singers)]
    for one in figures:
        print(json.dumps(one))
    print(json.dumps(written.summary(figures)))
    if arguments.out:
        os.makedirs(arguments.out, exist_ok=True)
        play(run, songs, singers, arguments.out)


if __name__ == "__main__":
    main()

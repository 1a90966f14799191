"""Sings held-out lyrics with PyTorch, from the phases' states, for figures.py to measure.

usage: sing.py --out DIR --work DIR [--songs N]
"""
import argparse
import os
import torch
import train
from demo import codes, held_out, singing, sizes
from demo.phases import language, sound


def sing(run, songs, out, max_new_tokens):
    singers = [singing.singer(made.genre_line, [(tag, words) for tag, words, _ in made.sections]) for _, made in songs]
    singing.stage1(language.trained_stage1(run), singers, max_new_tokens, 0, run.device)
    model, codec, vocoders = language.trained_stage2(run), sound.trained_codec(run), sound.trained_vocoders(run)
    rows = torch.as_tensor(codes.codebooks(), device=run.device)
    written = iter(singing.stage2(model, [track for one in singers for track in singing.tracks(one)], run.device))
    for (seed, made), one in zip(songs, singers):
        tracks = {}
        for name, vocoder in zip(("vocal", "instrumental"), vocoders):
            low, high = singing.sound(codec, vocoder, rows, next(written))
            tracks |= {name: (low, 16000), name + "44": (high, 44100)}
        for rate, end in ((16000, ""), (44100, "44")):
            tracks["mix" + end] = (tracks["vocal" + end][0] + tracks["instrumental" + end][0], rate)
        held_out.write(out, seed, made, [len(s) / 100 for s in one.sung], one.ended, tracks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--max-new-tokens", type=int, default=2000)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    run = train.Run(arguments.work, device, 0, None, sizes.FULL)
    sing(run, list(held_out.asked(arguments.songs)), arguments.out, arguments.max_new_tokens)


if __name__ == "__main__":
    main()

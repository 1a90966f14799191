"""Sings held-out lyrics with the service's own program, for figures.py to measure. Needs numpy, not PyTorch.

usage: sing_with_yue.py --yue COMMAND --out DIR [--set DIR] [--songs N]      without --set: the built-in demo model
"""
import argparse
import json
import os
import subprocess
import tempfile
from demo import held_out, wav


def _models(folder):
    if folder is None:
        return []
    return ["--stage1", f"demo={folder}/YuE-s1-demo", "--stage2", f"{folder}/YuE-s2-demo", "--codec", f"{folder}/xcodec_mini_infer"]


def _sing(arguments, seed, made, folder):
    """The sections as the program reports them, and the tracks."""
    lyrics = os.path.join(folder, "lyrics.txt")
    with open(lyrics, "w") as file:
        file.write(made.lyrics)
    result = subprocess.run(
        [*arguments.yue.split(), "generate", "--lyrics", lyrics, "--genre", made.genre_line, "--out", os.path.join(folder, "song.wav"), "--stems",
         "--sample-rate", "16000", "--seed", str(seed), "--run-n-segments", "0", "--max-new-tokens", str(arguments.max_new_tokens),
         "--device", "cpu", *_models(arguments.set)], check=True, stdout=subprocess.PIPE, text=True)
    files = {"mix": "song.wav", "vocal": "song.vocal.wav", "instrumental": "song.instrumental.wav"}
    return json.loads(result.stdout)["sections"], {name: wav.read(os.path.join(folder, file)) for name, file in files.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yue", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--set")
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--max-new-tokens", type=int, default=2000)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    for seed, made in held_out.asked(arguments.songs):
        with tempfile.TemporaryDirectory() as folder:
            sections, tracks = _sing(arguments, seed, made, folder)
        held_out.write(arguments.out, seed, made, [s["seconds"] for s in sections], [s["ended"] == "end_of_audio" for s in sections], tracks)


if __name__ == "__main__":
    main()

"""Sings held-out lyrics with a running service, for figures.py to measure. Needs numpy, not PyTorch.

usage: sing_with_yue.py --url http://127.0.0.1:2008 --out DIR [--songs N]
"""
import argparse
import base64
import json
import os
import tempfile
import urllib.request
from demo import held_out, wav


def _sing(url, seed, made, max_new_tokens):
    """The service's answer to one song."""
    body = {
        "lyrics": made.lyrics, "genre": made.genre_line, "seed": seed, "run_n_segments": 0, "max_new_tokens": max_new_tokens,
        "output": {"sample_rate": 16000, "stems": True}}
    request = urllib.request.Request(f"{url}/predict", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _wave(encoded):
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(base64.b64decode(encoded))
        file.flush()
        return wav.read(file.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:2008")
    parser.add_argument("--out", required=True)
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--max-new-tokens", type=int, default=2000)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    for seed, made in held_out.asked(arguments.songs):
        answer = _sing(arguments.url, seed, made, arguments.max_new_tokens)
        tracks = {"mix": _wave(answer["audio_base64"])} | {name: _wave(stem["audio_base64"]) for name, stem in answer["stems"].items()}
        sections = answer["sections"]
        held_out.write(arguments.out, seed, made, [s["seconds"] for s in sections], [s["ended"] == "end_of_audio" for s in sections], tracks)
        print(f"seed {seed}: {answer['duration_seconds']:.1f} s of audio, real-time factor {answer['timings']['real_time_factor']:.2f}", flush=True)


if __name__ == "__main__":
    main()

"""Sings held-out lyrics with running services, for figures.py to measure. Needs numpy, not PyTorch.

usage: sing_with_yue.py --url http://127.0.0.1:2008 [URL ...] --out DIR [--songs N] [--lines FILE ...]

Each service makes one song at a time. The songs are the first N held-out songs, or the songs for the first N lines in files of genre lines.
"""
import argparse
import base64
import json
import os
import queue
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from demo import held_out, wav


def _wait_until_ready(url, seconds=120):
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health/ready"):
                return
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def _ask(url, asked, max_new_tokens, output):
    """Returns the service's response for one song."""
    body = {
        "lyrics": asked.lyrics, "genre": asked.genre_line, "seed": int(asked.name[-3:]), "run_n_segments": 0, "max_new_tokens": max_new_tokens, "output": output}
    request = urllib.request.Request(f"{url}/predict", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _sing(url, folder, asked, max_new_tokens):
    """Requests one song twice and writes both results: one at 44.1 kHz, which is timed and checked for faults, and one from the codec
    alone, which is used for most figures."""
    whole, heard = (_ask(url, asked, max_new_tokens, {"sample_rate": rate, "stems": True}) for rate in (44100, 16000))
    tracks = {"mix44": _wave(whole["audio_base64"]), "mix": _wave(heard["audio_base64"])}
    tracks |= {name: _wave(stem["audio_base64"]) for name, stem in heard["stems"].items()}
    sections = heard["sections"]
    held_out.write(folder, asked, [s["seconds"] for s in sections], [s["ended"] == "end_of_audio" for s in sections], tracks)
    return f"{asked.name}: {whole['duration_seconds']:.1f} s of audio, real-time factor {whole['timings']['real_time_factor']:.2f}"


def _wave(encoded):
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(base64.b64decode(encoded))
        file.flush()
        return wav.read(file.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", nargs="+", default=["http://127.0.0.1:2008"])
    parser.add_argument("--out", required=True)
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--lines", nargs="+")
    parser.add_argument("--max-new-tokens", type=int, default=2000)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    idle = queue.SimpleQueue()
    for url in arguments.url:
        _wait_until_ready(url)
        idle.put(url)

    def sing(asked):
        url = idle.get()
        try:
            return _sing(url, arguments.out, asked, arguments.max_new_tokens)
        finally:
            idle.put(url)

    songs = held_out.read_all(arguments.lines)[:arguments.songs] if arguments.lines else held_out.asked(arguments.songs)
    with ThreadPoolExecutor(len(arguments.url)) as singers:
        for line in singers.map(sing, songs):
            print(line, flush=True)


if __name__ == "__main__":
    main()

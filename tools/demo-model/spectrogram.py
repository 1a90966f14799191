"""Draws the spectrograms of WAV files, from 0 to 8 kHz, one below the other, as a PNG file.

usage: spectrogram.py OUT.png FILE.wav [FILE.wav ...]
"""
import struct
import sys
import zlib
import numpy as np
from demo import wav

_SECONDS, _HIGHEST_HZ, _HEIGHT, _WIDTH = 8, 8000, 256, 1200
_RANGE_DB = 70


def _picture(path):
    """Returns gray levels [height, width] of a file's first eight seconds."""
    wave, rate = wav.read(path)
    wave = np.pad(wave, (0, max(0, _SECONDS * rate - len(wave))))[:_SECONDS * rate]
    size = 2048 * rate // 44100 // 2 * 2
    starts = np.linspace(0, len(wave) - size, _WIDTH).astype(int)
    level = 20 * np.log10(np.abs(np.fft.rfft(wave[starts[:, None] + np.arange(size)] * np.hanning(size))) / size * 4 + 1e-9)
    rows = np.interp(np.linspace(_HIGHEST_HZ, 0, _HEIGHT), np.fft.rfftfreq(size, 1 / rate), np.arange(size // 2 + 1)).astype(int)
    gray = 1 - np.clip((level[:, rows].T - level.max() + _RANGE_DB) / _RANGE_DB, 0, 1)
    return (255 * gray).astype(np.uint8)


def _png(path, picture):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = picture.shape
    lines = b"".join(b"\0" + row.tobytes() for row in picture)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))


def main():
    out, *files = sys.argv[1:]
    gap = np.full((8, _WIDTH), 128, np.uint8)
    _png(out, np.concatenate([part for path in files for part in (_picture(path), gap)][:-1]))


if __name__ == "__main__":
    main()

"""16-bit mono WAV files."""
import wave as waves
import numpy as np


def write(path, wave, rate_hz):
    with waves.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((np.clip(wave, -1, 1) * 32767).round().astype("<i2").tobytes())


def read(path):
    """Returns (samples, rate in hertz)."""
    with waves.open(path, "rb") as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels()).mean(1).astype(np.float32) / 32768, file.getframerate()

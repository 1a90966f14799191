"""Faults that no song should have."""
import numpy as np


def longest_silence_seconds(wave, rate_hz):
    """Returns the length of the longest part below -50 dBFS, in seconds."""
    hop = rate_hz // 50
    level = np.sqrt((wave[:len(wave) // hop * hop].reshape(-1, hop).astype(np.float64) ** 2).mean(1))
    longest = run = 0
    for is_quiet in level < 10 ** (-50 / 20):
        run = run + 1 if is_quiet else 0
        longest = max(longest, run)
    return longest / 50


def tail_db(wave, rate_hz):
    """Returns the level of the last tenth of a second relative to that of the last five seconds, in dB; high if a song stops abruptly."""
    def level(seconds):
        return 10 * np.log10((wave[-int(seconds * rate_hz):].astype(np.float64) ** 2).mean() + 1e-10)

    return float(level(0.1) - level(5))


def clipped_share(wave):
    return float((np.abs(wave) >= 0.989).mean())


def is_faulty(wave, rate_hz):
    return not np.isfinite(wave).all() or longest_silence_seconds(wave, rate_hz) > 2 or clipped_share(wave) > 0.01

"""The formants of the voiced phonemes, used to render and to measure the voice."""

# F1, F2 and F3 in hertz, then the loudness
PATTERNS = {
    "a": (780, 1250, 2600, 1.0), "e": (500, 1850, 2600, 1.0), "i": (300, 2300, 3000, 1.0), "o": (480, 850, 2500, 1.0), "u": (320, 1100, 2250, 1.0),
    "m": (250, 1000, 2200, 0.45), "n": (250, 1500, 2500, 0.45), "l": (350, 1250, 2700, 0.6), "r": (420, 1300, 1600, 0.6),
    "w": (310, 750, 2250, 0.55), "y": (280, 2350, 3100, 0.55),
}
UPPER_HZ = (3600.0, 4600.0)                     # F4 and F5 of all phonemes
BANDWIDTHS_HZ = (80, 100, 140, 220, 300)
FEMALE_SCALE = 1.15

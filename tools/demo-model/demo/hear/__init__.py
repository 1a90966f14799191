"""Measures songs from their sound alone, with plain signal processing on 16 kHz tracks."""

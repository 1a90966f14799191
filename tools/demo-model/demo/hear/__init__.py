"""Measures songs from their sound only, with plain signal processing on 16 kHz tracks."""

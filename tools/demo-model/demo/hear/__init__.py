"""Measures songs by their sound alone: plain signal processing on 16 kHz tracks."""

"""The dimensions of the models, and the amounts of training data in a full run and in a smoke run."""
from dataclasses import dataclass
from . import prompt
from .nets import llama

STAGE1 = llama.Config(hidden=96, inner=320, layers=6, heads=4, key_heads=1, vocabulary=prompt.STAGE1_VOCABULARY, positions=16384)
STAGE2 = llama.Config(hidden=56, inner=256, layers=3, heads=2, key_heads=1, vocabulary=prompt.STAGE2_VOCABULARY, positions=8192)
CODEC = dict(latent=128, encoder=8, decoder=(256, 128, 64, 32, 16), hubert=dict(size=64, layers=2, heads=4, inner=128, conv=64))
VOCODER = dict(size=112, inner=336, layers=5, n_fft=1764)


@dataclass(frozen=True)
class Training:
    """The sizes of the training steps, and the numbers of songs."""
    songs: int                  # training songs of stage 2 and the sound models
    crops: int                  # crops per step of the sound models
    crop_frames: int
    sequences: int              # sequences per step of stage 1
    context: int                # ids per sequence of stage 1
    longest: int                # ids per sequence if it does not fit into context; a step then has fewer sequences
    chunks: int                 # chunks per step of stage 2
    lyric_songs: int            # training songs of stage 1
    held_out: int               # held-out songs for the figures at the end


FULL = Training(songs=1500, crops=48, crop_frames=64, sequences=32, context=3072, longest=8192, chunks=24, lyric_songs=60_000, held_out=32)
SMOKE = Training(songs=4, crops=2, crop_frames=32, sequences=1, context=1536, longest=3072, chunks=1, lyric_songs=8, held_out=1)

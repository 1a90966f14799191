"""A song as a function of its seed."""
from dataclasses import dataclass
from random import Random
from . import genre as genres, lyrics, score

TRAINING_SEED, HELD_OUT_SEED = 1_000_000, 1     # seeds of the first training song, and of the first held-out song


@dataclass
class Song:
    """The content of a song. sections: [(tag, words, score.Frames), ...]."""
    genre_line: str
    genre: genres.Genre
    sections: list

    @property
    def lyrics(self):
        return "\n".join(f"[{tag}]\n{words}\n" for tag, words, _ in self.sections)


def make(seed, say_all=False):
    """Returns the song of a seed. say_all: the genre line names everything that can be measured."""
    random = Random(seed)
    genre = genres.draw(random)
    line = genres.line(random, genre, say_all)
    return Song(line, genre, [(tag, words, score.section(random, genre, words)) for tag, words in lyrics.sections(random)])

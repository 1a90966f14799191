"""Genre lines and what their words decide."""
from dataclasses import dataclass

FRAME_RATE_HZ = 50
INSTRUMENTS = ("piano", "guitar", "organ", "strings")
TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_NATURAL = (0, 2, 4, 5, 7, 9, 11)
STEP_FRAMES = (10, 11, 12, 13, 14, 15, 16, 17, 18, 20)          # frames of an eighth note
_TEMPO_WORDS = {"slow": (18, 20), "calm": (16, 17, 18), "mid-tempo": (14, 15), "upbeat": (12, 13), "fast": (10, 11, 12)}
_MODE_WORDS = {"happy": 0, "bright": 0, "uplifting": 0, "sad": 1, "dark": 1, "melancholic": 1}
_VOICE_WORDS = {"female": 1, "woman": 1, "male": 0, "man": 0}

# Chord loops of major and of minor, as degrees from 0: at most one chord in four is of the other mode.
_LOOPS = {
    "common": (((0, 4, 5, 3), (0, 5, 3, 4)), ((0, 5, 3, 4), (0, 3, 5, 4))),
    "plain": (((0, 3, 4, 3), (0, 3, 0, 4)), ((0, 3, 4, 3), (0, 3, 0, 4))),
    "turning": (((3, 4, 5, 0), (0, 2, 3, 4)), ((3, 4, 5, 0), (0, 0, 5, 4))),
}
# style: drums, instruments, chord loops
STYLES = {
    "pop": ("rock", (0,), "common"), "rock": ("rock", (1,), "plain"), "folk": ("soft", (1,), "plain"), "country": ("soft", (1,), "common"),
    "ballad": ("soft", (0, 3), "common"), "soul": ("rock", (2,), "turning"), "gospel": ("soft", (2,), "plain"), "disco": ("dance", (3,), "turning"),
    "dance": ("dance", (2, 3), "common"), "electronic": ("dance", (3,), "turning"), "jazz": ("soft", (0,), "turning"), "cinematic": ("soft", (3,), "turning"),
}
_FILLERS = ("inspiring", "airy vocal", "vocal", "emotional", "energetic", "acoustic", "romantic", "warm", "smooth", "catchy", "soft", "powerful", "dreamy", "indie")


@dataclass(frozen=True)
class Genre:
    """What a song is set to. mode: 0 major, 1 minor; voice: 0 male, 1 female; tonic: semitones above C."""
    step_frames: int
    tonic: int
    mode: int
    loop: tuple
    drums: str
    instrument: int
    voice: int

    @property
    def tempo_bpm(self):
        return tempo_of(self.step_frames)

    @property
    def scale(self):
        return tuple((self.tonic + s) % 12 for s in ((0, 2, 3, 5, 7, 8, 10) if self.mode else (0, 2, 4, 5, 7, 9, 11)))

    def chord(self, bar):
        """Root and quality (1 minor) of a bar's chord."""
        degree = self.loop[bar % len(self.loop)]
        root = self.scale[degree]
        return root, int((root + 3) % 12 in self.scale)


def tempo_of(step_frames):
    """Quarter notes a minute."""
    return 60 * FRAME_RATE_HZ / (2 * step_frames)


def _set_rest(random, said):
    style = STYLES[said.get("style", random.choice(list(STYLES)))]
    mode = said.get("mode", random.randrange(2))
    return Genre(
        step_frames=said.get("step", random.choice(STEP_FRAMES)), tonic=said.get("tonic", random.choice(_NATURAL)), mode=mode,
        loop=random.choice(_LOOPS[style[2]][mode]), drums=style[0], instrument=said.get("instrument", random.choice(style[1])),
        voice=said.get("voice", random.randrange(2)))


def line(random, said_all=False):
    """A genre line and what it sets; what the line doesn't say is drawn."""
    said, words = {}, []

    def says(chance):
        return said_all or random.random() < chance

    if says(0.8):
        said["style"] = random.choice(list(STYLES))
        words.append(said["style"])
    if says(0.6):
        _add_mode(random, said, words, said_all)
    if says(0.6):
        _add_tempo(random, said, words, said_all)
    if says(0.4):
        said["instrument"] = random.randrange(len(INSTRUMENTS))
        words.append(INSTRUMENTS[said["instrument"]])
    if says(0.7):
        word = random.choice(list(_VOICE_WORDS))
        said["voice"] = _VOICE_WORDS[word]
        words.append(word + random.choice((" vocal", " voice", "", "")))
    words += random.sample(_FILLERS, random.choice((0, 0, 1, 2)))
    random.shuffle(words)
    text = random.choice((" ", " ", ", ")).join(words) or "song"
    return (text[0].upper() + text[1:] if random.random() < 0.15 else text), _set_rest(random, said)


def _add_mode(random, said, words, with_key):
    if with_key or random.random() < 0.5:
        said["mode"], said["tonic"] = random.randrange(2), random.choice(_NATURAL)
        words.append(f"in {TONICS[said['tonic']]} {('major', 'minor')[said['mode']]}")
    else:
        word = random.choice(list(_MODE_WORDS))
        said["mode"] = _MODE_WORDS[word]
        words.append(word)


def _add_tempo(random, said, words, with_number):
    if with_number or random.random() < 0.5:
        said["step"] = random.choice(STEP_FRAMES)
        words.append(f"{round(tempo_of(said['step']))} bpm")
    else:
        word = random.choice(list(_TEMPO_WORDS))
        said["step"] = random.choice(_TEMPO_WORDS[word])
        words.append(word)

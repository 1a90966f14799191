"""The musical settings of a song, and free-form genre lines that describe them."""
import math
from dataclasses import dataclass
from . import lyrics, words

FRAME_RATE_HZ = 50
INSTRUMENTS = ("piano", "guitar", "organ", "strings")
TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS = {1: "Db", 3: "Eb", 6: "Gb", 8: "Ab", 10: "Bb"}
_NATURAL = (0, 2, 4, 5, 7, 9, 11)
# Lengths of an eighth note in frames. Neighbors differ by at most 12.5 %, so every tempo from 60 to 180 bpm is within 6 % of the tempo
# of one of these lengths.
STEP_FRAMES = (8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 23, 25)

# Chord loops in major and in minor, as scale degrees counted from 0. In each loop, at most one chord in four is of the other mode.
_LOOPS = {
    "common": (((0, 4, 5, 3), (0, 5, 3, 4)), ((0, 5, 3, 4), (0, 3, 5, 4))),
    "plain": (((0, 3, 4, 3), (0, 3, 0, 4)), ((0, 3, 4, 3), (0, 3, 0, 4))),
    "turning": (((3, 4, 5, 0), (0, 2, 3, 4)), ((3, 4, 5, 0), (0, 0, 5, 4))),
}


@dataclass(frozen=True)
class Style:
    """The defaults of a style. steps: the fastest and the slowest eighth note, in frames."""
    drums: str
    instruments: tuple
    loops: str
    steps: tuple


STYLES = {
    "pop": Style("rock", (0,), "common", (11, 15)),
    "rock": Style("rock", (1,), "plain", (10, 14)),
    "folk": Style("soft", (1,), "plain", (12, 17)),
    "country": Style("soft", (1,), "common", (11, 16)),
    "ballad": Style("soft", (0, 3), "common", (17, 23)),
    "soul": Style("rock", (2,), "turning", (14, 18)),
    "gospel": Style("soft", (2,), "plain", (14, 20)),
    "disco": Style("dance", (3,), "turning", (12, 13)),
    "dance": Style("dance", (2, 3), "common", (11, 13)),
    "electronic": Style("dance", (3,), "turning", (11, 14)),
    "jazz": Style("soft", (0,), "turning", (11, 18)),
    "cinematic": Style("soft", (3,), "turning", (13, 21)),
    "hip hop": Style("hip hop", (0,), "turning", (14, 18)),
    "metal": Style("metal", (1,), "plain", (8, 11)),
    "reggae": Style("hip hop", (2,), "plain", (15, 20)),
    "blues": Style("rock", (1,), "plain", (14, 20)),
    "lo-fi": Style("hip hop", (0,), "turning", (16, 21)),
    "ambient": Style("soft", (3,), "common", (18, 25)),
    "punk": Style("rock", (1,), "plain", (8, 10)),
    "funk": Style("dance", (1,), "turning", (12, 15)),
    "latin": Style("dance", (1,), "common", (12, 16)),
}


@dataclass(frozen=True)
class Genre:
    """The musical settings of a song. style: None if the genre line names none; tonic: semitones above C; mode: 0 major, 1 minor; voice: 0
    male, 1 female."""
    style: str | None
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
        return scale_of(self.tonic, self.mode)

    def chord(self, bar):
        """Returns the root and quality (1 is minor) of a bar's chord."""
        return self._chord_on(self.loop[bar % len(self.loop)])

    @property
    def last_chord(self):
        """The root and quality of the last chord of a section."""
        return self._chord_on(0)

    def _chord_on(self, degree):
        root = self.scale[degree]
        return root, int((root + 3) % 12 in self.scale)


def scale_of(tonic, mode):
    """Returns the pitch classes of a key."""
    return tuple((tonic + s) % 12 for s in ((0, 2, 3, 5, 7, 8, 10) if mode else (0, 2, 4, 5, 7, 9, 11)))


def tempo_of(step_frames):
    """Returns the tempo in quarter notes per minute."""
    return 60 * FRAME_RATE_HZ / (2 * step_frames)


def nearest_step(bpm):
    """Returns the length of an eighth note, in frames, at the tempo nearest to bpm."""
    return min(STEP_FRAMES, key=lambda step: abs(math.log(tempo_of(step) / bpm)))


_NUMBERS = {step: [bpm for bpm in range(56, 193) if nearest_step(bpm) == step] for step in STEP_FRAMES}


def draw(random):
    """Draws a genre. Often its tempo and its instrument are usual for its style, so that a line does not have to name them."""
    style = random.choice(list(STYLES)) if random.random() < 0.88 else None
    defaults = STYLES[style or random.choice(list(STYLES))]
    fastest, slowest = defaults.steps
    usual = style and random.random() < 0.4
    steps = [step for step in STEP_FRAMES if fastest <= step <= slowest] if usual else STEP_FRAMES
    instruments = defaults.instruments if style and random.random() < 0.5 else range(len(INSTRUMENTS))
    mode = random.randrange(2)
    return Genre(
        style=style, step_frames=random.choice(steps),
        tonic=random.choice(_NATURAL if random.random() < 0.45 else range(12)), mode=mode,
        loop=random.choice(_LOOPS[defaults.loops][mode]), drums=defaults.drums,
        instrument=random.choice(instruments), voice=random.randrange(2))


def line(random, genre, say_all=False):
    """Writes a line that describes a genre. It always names the style if there is one, usually a tempo or an instrument
    that differs from the style's defaults, and sometimes the rest. say_all: it names everything that can be measured."""
    def says(chance):
        return say_all or random.random() < chance

    style = STYLES.get(genre.style)
    usual_step = style and style.steps[0] <= genre.step_frames <= style.steps[1]
    usual_instrument = style and genre.instrument in style.instruments
    said = {}                                   # phrases by the property that they name
    if genre.style:
        said["style"] = [random.choice(words.STYLES[genre.style]) if random.random() < 0.6 else genre.style]
    if says(0.55):
        said["mode"] = [_key(random, genre)] if says(0.5) else random.sample(words.MODES[genre.mode], random.choice((1, 1, 2)))
    if says(0.4 if usual_step else 0.9):
        said["tempo"] = _tempo(random, genre.step_frames, only_number=say_all)
    if says(0.3 if usual_instrument else 0.85):
        names = words.INSTRUMENTS[genre.instrument]
        said["instrument"] = [names[0]] if random.random() < 0.35 else random.sample(names, random.choice((1, 1, 1, 2)))
    if says(0.65):
        said["voice"] = [_voice(random, genre.voice)]
    said["other"] = _fillers(random)
    text = random.choices((_bag, _sentence, _labels), (7, 3, 1))[0](random, said)
    return _cased(random, text) or "song"


def _key(random, genre):
    """Writes a key or, in one case out of five, only the mode."""
    mode = ("major", "minor")[genre.mode]
    if random.random() < 0.2:
        return random.choice((mode, f"{mode} key", f"in a {mode} key", f"{mode} chords", f"{mode} scale"))
    name = TONICS[genre.tonic]
    if genre.tonic in _FLATS and random.random() < 0.5:
        name = _FLATS[genre.tonic]
    if random.random() < 0.3:
        name = name.replace("#", " sharp") if "#" in name else name[0] + " flat" if len(name) > 1 else name
    if random.random() < 0.12 and " " not in name:
        return name + "m" if genre.mode else random.choice((f"{name}maj", f"{name} maj"))
    return random.choice((
        "in {0} {1}", "in {0} {1}", "{0} {1}", "{0} {1}", "key of {0} {1}", "in the key of {0} {1}", "key: {0} {1}", "{0} {1} key",
        "{0}-{1}")).format(name, mode)


def _tempo(random, step, only_number):
    """Writes a number, a word, or both. The word may contradict the number, which has priority."""
    number = random.random() < 0.68
    fitting = [word for steps, group in words.TEMPOS.items() if step in steps for word in group]
    said = [] if number or only_number or not fitting else [random.choice(fitting)]
    if number or only_number or not said:
        bpm = random.choice(_NUMBERS[step])
        if random.random() < 0.25:
            bpm = round(tempo_of(step))
        said.append(_number(random, bpm))
        if random.random() < 0.12:
            fits = fitting and random.random() < 0.5
            said.append(random.choice(fitting if fits else random.choice(list(words.TEMPOS.values()))))
    return said


def _number(random, bpm):
    form = random.choice((
        "{0} bpm", "{0} bpm", "{0} bpm", "{0} BPM", "{0} BPM", "{0}bpm", "{0}bpm", "{0}BPM", "at {0} bpm", "at {0} BPM",
        "bpm {0}", "BPM: {0}", "tempo {0}", "tempo: {0}", "tempo {0} bpm", "around {0} bpm", "about {0} bpm", "~{0} bpm",
        "{0} beats per minute", "{0} Bpm", "({0} bpm)", "bpm={0}", "tempo of {0}", "{0}"))
    return form.format(bpm)


def _voice(random, voice):
    names = words.VOICES[voice]
    word = random.choice(names[:2]) if random.random() < 0.35 else random.choice(names)
    return word + (random.choice((" vocal", " vocals", " voice", " singer", "")) if word in names[:2] else "")


def _fillers(random):
    """Draws known and unknown words without an effect."""
    found = random.sample(words.FILLERS, random.choice((0, 0, 1, 1, 2, 3, 5)))
    if random.random() < 0.3:
        found += [_unknown(random) for _ in range(random.choice((1, 1, 2, 3, 6)))]
    return found


def _unknown(random):
    word = lyrics.made_up_word(random) if random.random() < 0.5 else random.choice(lyrics.WORDS)
    if random.random() < 0.06:
        word = word.replace(random.choice("aeiou"), random.choice("éáóüñèç"))
    return word if word not in words.MEANING else "song"


def _bag(random, said):
    """Writes the phrases in random order."""
    phrases = [phrase for group in said.values() for phrase in group]
    random.shuffle(phrases)
    if "instrument" in said and len(said["instrument"]) == 2 and random.random() < 0.5:     # a pair stays together
        first, second = said["instrument"]
        phrases[phrases.index(first)] = f"{first}{random.choice((' and ', ' & ', ', ', '/'))}{second}"
        phrases.remove(second)
    text = random.choice((" ", " ", ", ", ", ", ", ", ",", "; ", " / ", " | ", " - ", ". ")).join(phrases)
    return text + random.choice(("", "", "", "", ".", ",", " song", " music", " track"))


def _sentence(random, said):
    """Writes a sentence that describes a song."""
    tempo = said.get("tempo", [])
    before = [*(t for t in tempo if not any(c.isdigit() for c in t)), *(m for m in said.get("mode", []) if " " not in m), *said["other"]]
    random.shuffle(before)
    numbers = [t for t in tempo if any(c.isdigit() for c in t)]
    after = [*numbers, *(m for m in said.get("mode", []) if " " in m), *_played(random, said), *_sung(random, said)]
    random.shuffle(after)
    style = said.get("style", [""])[0]
    noun = random.choice(("", "", "song", "track", "tune", "music", "beat", "number", "piece"))
    start = random.choice((
        "", "a ", "a ", "an ", "make a ", "give me a ", "i want a ", "something like a ", "this is a ", "create a ", "write me a "))
    text = " ".join(part for part in (random.choice((", ", " ", " and ")).join(before), style, noun) if part)
    text = start + text + random.choice((" ", ", ")) + random.choice((" ", ", ", ", ", " and ")).join(after)
    return text.strip() + random.choice(("", "", "."))


def _played(random, said):
    played = random.choice((" and ", " and ", ", ", " with ")).join(said.get("instrument", []))
    forms = ("with {0}", "with {0}", "featuring {0}", "on {0}", "{0}", "led by {0}", "with a {0}", "{0} driven")
    return [random.choice(forms).format(played)] if played else []


def _sung(random, said):
    forms = ("with {0}", "{0}", "{0}", "sung by a {0}", "with a {0}", "and a {0}", "featuring {0}")
    return [random.choice(forms).format(voice) for voice in said.get("voice", [])]


def _labels(random, said):
    """Writes a form, with a name and a colon before the phrases of each property."""
    names = {
        "style": ("genre", "style"), "mode": ("mood", "key", "mode"), "tempo": ("tempo", "speed"),
        "instrument": ("instruments", "instrument", "instrumentation"), "voice": ("vocals", "voice", "singer", "vocal"),
        "other": ("tags", "mood", "vibe", "theme")}
    parts = [
        f"{random.choice(names[name])}: {(' ' if random.random() < 0.3 else ', ').join(group)}" for name, group in said.items() if group]
    random.shuffle(parts)
    return random.choice((", ", "; ", ". ", " | ", " ")).join(parts)


def _cased(random, text):
    way = random.random()
    if way < 0.68 or not text:
        return text
    if way < 0.82:
        return text[0].upper() + text[1:]
    if way < 0.95:
        return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))
    return text.upper()

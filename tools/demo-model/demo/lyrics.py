"""Generated lyrics: a word list, made-up words, lines, sections with tags."""
WORDS = (
    "a about again all alone always and another are around as at away baby back be because been before believe better blue break "
    "bright by call can change close cold come could cry dance dark day days do down dream dreams end ever every eyes face fall far feel "
    "fire fly for forever found free from gone good got had hand hands have he head hear heart here high hold home hope how i if in into "
    "is it just keep know last leave let life light like line little live long look lost love make man me memories mind moment more morning "
    "move much music my name need never new night no not nothing now of off old on one only open or our out over own pain place rain remember "
    "right river road run same say sea see she shine should show side sing sky sleep slow so some song soul sound stand star stars stay still "
    "street strong summer sun take tell than that the their them then there these they thing things think this through time to together tonight "
    "too touch true try turn under until up us voice wait walk want was way we well were what when where who why will wind with without "
    "wonder words world would years yes you young your la na oh hey ooh can't don't won't it's i'm you're").split()
FIRST_TAGS = ("verse", "verse", "verse", "verse", "intro", "chorus", "Verse1", "hook")
LATER_TAGS = ("chorus", "chorus", "chorus", "verse", "verse", "bridge", "outro", "prechorus", "Verse2", "hook", "solo")
_ONSETS = "b c d f g h j k l m n p r s t v w y z sh ch th st tr br gl fl".split() + [""] * 6
_NUCLEI = "a a a e e e i i i o o o u u ai ay ea ee ou oo oa ow ie y au".split()
_CODAS = ["", "", "", "n", "r", "l", "t", "s", "m", "ng", "nd", "st", "k", "ght"]


def made_up_word(random):
    word = "".join(random.choice(_ONSETS) + random.choice(_NUCLEI) + random.choice(_CODAS) for _ in range(random.choice((1, 1, 2, 2, 3))))
    return word + ("e" if random.random() < 0.15 else "")


def _line(random, made_up):
    words = [made_up_word(random) if random.random() < made_up else random.choice(WORDS) for _ in range(random.choice((2, 3, 4, 5, 5, 6, 6, 7, 8)))]
    if random.random() < 0.1:
        words = [words[0]] * len(words)
    for i in range(len(words) - 1):
        if random.random() < 0.08:
            words[i] += ","
    text = " ".join(words) + random.choice(("", "", "", "", ",", ".", "!", "?"))
    return text[0].upper() + text[1:] if random.random() < 0.7 else text


def sections(random):
    """Returns [(tag, words), ...]: one to four sections of up to six lines, sometimes one without words."""
    made_up = random.choice((0.0, 0.3, 0.3, 1.0))
    found = []
    for i in range(random.choice((1, 1, 2, 2, 2, 3, 4))):
        tag = random.choice(FIRST_TAGS if i == 0 else LATER_TAGS)
        wordless = tag in ("intro", "outro", "solo") and random.random() < 0.5
        lines = [] if wordless else [_line(random, made_up) for _ in range(random.choice((1, 1, 2, 2, 3, 4, 4, 5, 6)))]
        if len(lines) > 1 and random.random() < 0.15:
            lines[-1] = random.choice(lines)
        found.append((tag, "\n".join(lines)))
    return found

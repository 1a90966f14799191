"""The words of genre lines and their meaning for the demo.

Spelling variants are listed separately, because the model reads letters. A word has only one meaning (checked below).
"""

# style: the words for it
STYLES = {
    "pop":
        "pop, indie pop, k-pop, kpop, j-pop, bubblegum pop, pop song, chart pop, teen pop, europop, art pop, musical "
        "theatre, broadway, christmas song",
    "rock":
        "rock, indie rock, alternative rock, alt rock, classic rock, hard rock, soft rock, pop rock, grunge, britpop, "
        "garage rock, rock and roll, rock'n'roll, surf rock, progressive rock, stadium rock, shoegaze, emo",
    "folk":
        "folk, indie folk, singer-songwriter, singer songwriter, americana, celtic, irish folk, acoustic folk, folk "
        "song, sea shanty, campfire, traditional",
    "country":
        "country, bluegrass, country song, honky tonk, western, modern country, country rock, cowboy",
    "ballad":
        "ballad, power ballad, love ballad, rock ballad, lullaby, torch song",
    "soul":
        "soul, r&b, rnb, r and b, R'n'B, rhythm and blues, neo soul, neo-soul, motown, contemporary r&b, soulful",
    "gospel":
        "gospel, worship, christian, hymn, praise, spiritual, church, choir song, ccm",
    "disco":
        "disco, nu-disco, nu disco, italo disco, eurodance, boogie",
    "dance":
        "dance, edm, house, deep house, techno, club, trance, dance pop, eurobeat, big room, tech house, progressive "
        "house, rave, party, club banger",
    "electronic":
        "electronic, electronica, electro, synthwave, synth wave, synthpop, synth-pop, synth pop, vaporwave, "
        "electropop, new wave, darkwave, retrowave, chiptune, 8-bit, future bass, industrial",
    "jazz":
        "jazz, smooth jazz, swing, big band, bebop, jazz standard, vocal jazz, crooner, cabaret, lounge, ragtime",
    "cinematic":
        "cinematic, orchestral, film score, movie soundtrack, soundtrack, symphonic, classical, trailer music, opera, "
        "operatic, symphony, film music, fantasy, baroque, musical score, epic orchestral",
    "hip hop":
        "hip hop, hip-hop, hiphop, rap, trap, boom bap, old school hip hop, drill, trap beat, rap song, gangsta rap, "
        "conscious rap, freestyle, grime, cloud rap, emo rap, phonk",
    "metal":
        "metal, heavy metal, thrash metal, metalcore, death metal, black metal, nu metal, power metal, doom metal, "
        "hardcore, djent, symphonic metal",
    "reggae":
        "reggae, ska, dub, dancehall, roots reggae, reggaeton, rocksteady, afrobeat, afrobeats, island",
    "blues":
        "blues, delta blues, blues rock, electric blues, chicago blues, bluesy, twelve-bar blues, 12-bar blues",
    "lo-fi":
        "lo-fi, lofi, lo fi, chillhop, lofi hip hop, lo-fi hip hop, bedroom pop, study beats, chillwave, trip hop, "
        "trip-hop, downbeat, lofi beats",
    "ambient":
        "ambient, new age, meditation, drone, soundscape, healing, spa music, sleep music, space music, dream pop, "
        "ethereal wave",
    "punk":
        "punk, punk rock, pop punk, pop-punk, skate punk, post-punk, post punk, drum and bass, drum & bass, dnb, "
        "hardstyle, speedcore, breakcore, jungle",
    "funk":
        "funk, funky, p-funk, electro funk, funk rock, jazz funk, groove",
    "latin":
        "latin, salsa, bossa nova, samba, bachata, flamenco, latin pop, tango, cumbia, merengue, mariachi, bolero, "
        "rumba, mambo, cha cha",
}
# major, minor
MODES = (
    "happy, bright, uplifting, cheerful, joyful, sunny, positive, feel-good, feel good, euphoric, triumphant, hopeful, "
    "playful, fun, optimistic, celebratory, summery, heartwarming, carefree, victorious, silly, festive, merry, jolly, "
    "good vibes, lighthearted, joyous, cheery, proud",
    "sad, dark, melancholic, melancholy, moody, gloomy, somber, sombre, haunting, heartbroken, heartbreaking, angry, "
    "aggressive, tense, brooding, mysterious, eerie, lonely, tragic, bittersweet, sorrowful, mournful, spooky, "
    "sinister, ominous, tearful, depressing, bleak, wistful, menacing, painful, gothic, desperate, furious, sadness, "
    "heartbreak, grief",
)
# male, female
VOICES = (
    "male, man, male vocal, male vocals, male voice, male singer, male vocalist, man's voice, men, boy, baritone, "
    "tenor, deep voice, guy, male lead, boy band, deep male voice, male rapper, bass voice, a male voice, raspy male "
    "vocal, gentleman, dude, frontman",
    "female, woman, female vocal, female vocals, female voice, female singer, female vocalist, woman's voice, women, "
    "girl, soprano, alto, diva, female lead, girl group, girly voice, woman singer, a female voice, airy female vocal, "
    "lady, soft female voice, mezzo-soprano, girl singing, frontwoman",
)
# piano, guitar, organ, strings, and instruments that are played as one of them
INSTRUMENTS = (
    "piano, keys, keyboard, grand piano, electric piano, rhodes, piano chords, upright piano, keyboards, felt piano, "
    "wurlitzer, celesta, marimba, vibraphone, music box, bells",
    "guitar, acoustic guitar, electric guitar, guitars, banjo, ukulele, harp, mandolin, distorted guitar, fingerpicked "
    "guitar, nylon guitar, guitar riffs, steel guitar, sitar, harpsichord, lute, strummed guitar, heavy guitars, "
    "plucked",
    "organ, hammond organ, hammond, accordion, flute, harmonica, brass, horns, saxophone, sax, trumpet, clarinet, pipe "
    "organ, church organ, trombone, woodwinds, bagpipes, whistle, horn section",
    "strings, violin, violins, cello, string section, string quartet, orchestra, synth, synths, synthesizer, synth "
    "pads, pads, fiddle, orchestral strings, full orchestra, viola, lush strings, analog synth, synth lead, arpeggiated "
    "synths",
)
# frames of an eighth note: tempo words
TEMPOS = {
    (21, 23, 25):
        "very slow, extremely slow, super slow, adagio, largo",
    (18, 20, 21, 23):
        "slow, slow tempo, slowly, slow-paced, slow burn",
    (16, 17, 18, 20):
        "calm, chill, relaxed, relaxing, laid-back, laid back, downtempo, chilled, peaceful, mellow, easygoing, "
        "andante, leisurely",
    (13, 14, 15):
        "mid-tempo, midtempo, mid tempo, medium tempo, moderate, moderate tempo, medium, walking pace, moderato",
    (11, 12, 13):
        "upbeat, lively, bouncy, danceable, energetic, up-beat, high-energy, high energy, allegro, peppy",
    (10, 11, 12):
        "uptempo, up-tempo, driving, up tempo, pumping",
    (9, 10, 11):
        "fast, fast-paced, fast tempo, quick, fast paced, hyper",
    (8, 9):
        "very fast, super fast, breakneck, extremely fast, presto, frantic",
}
# words without an effect
FILLERS = (
    "inspiring, airy vocal, vocal, emotional, acoustic, romantic, warm, smooth, catchy, soft, powerful, dreamy, indie, "
    "vocals, singing, epic, atmospheric, ethereal, groovy, raw, gritty, lush, intimate, nostalgic, anthemic, drums, "
    "bass, 808, 808s, heavy bass, synth bass, drum machine, claps, hand claps, harmonies, backing vocals, choir, "
    "reverb, distorted, vinyl crackle, minimal, studio quality, high quality, clear vocals, storytelling, love song, "
    "summer, night drive, road trip, 80s, 90s, 70s, 60s, 1980s, 2000s, 50s, 1970s, modern, vintage, retro, old school, "
    "radio friendly, sing-along, singalong, big chorus, hook, melodic, beautiful, simple, deep, heavy, light, gentle, "
    "tender, passionate, sensual, sexy, cool, quirky, experimental, psychedelic, trippy, spacey, hypnotic, rhythmic, "
    "percussive, percussion, beat, beats, bassline, sub bass, kick drum, snare, hi-hats, cymbals, tambourine, strong "
    "beat, whispered, breathy, raspy, husky, powerful vocals, auto-tune, autotune, falsetto, duet, a cappella, live, "
    "unplugged, polished, underground, alternative, mainstream, urban, street, tropical, desert, ocean, rain, night, "
    "city, space, winter, autumn, spring, love, breakup, hope, war, journey, adventure, motivational, workout, gaming, "
    "wedding, coffee shop, background music, game music, anime, heroic, majestic, dramatic, intense, explosive, "
    "building, crescendo, quiet, loud, soaring, floating, shimmering, sparkling, crisp, fuzzy, dusty, organic, digital, "
    "futuristic, cyberpunk, medieval, pirate, viking, japanese, korean, french, spanish, british, american, african, "
    "arabic, indian, english lyrics, heartfelt, honest, personal, sincere, mature, youthful, rebellious, confident, "
    "swagger, sassy, fierce, bold, tight, loose, swinging, syncopated, stomp, clap, shuffle, four on the floor, "
    "half-time, double time, steady, pulsing, glitchy, noisy, clean, full band, small band, solo, ensemble, layered, "
    "sparse, rich, wide, close, wall of sound, reverb-heavy, no drums, instrumental break, vocal chops, vocoder, "
    "talkbox, spoken word, whistling, humming, ad-libs, call and response, crowd, anthem, theme song, hit, banger, bop, "
    "jam, groove-based, earworm, memorable, tiktok, radio, timeless, classy, elegant, sophisticated, cozy, homey, "
    "rustic, southern, nordic, evening, morning, midnight, sunset, sunrise, beach, forest, mountain, river, fire, ice, "
    "thunder, stars, moon, angelic, divine, sacred, magical, enchanting, whimsical, surreal, cosmic, tribal, primal, "
    "edgy, hard-hitting, punchy, crunchy, silky, velvet, golden, neon, tears, dreams, freedom")


def split(words):
    return tuple(word.strip() for word in words.split(","))


STYLES = {style: split(words) for style, words in STYLES.items()}
MODES, VOICES, INSTRUMENTS = (tuple(map(split, words)) for words in (MODES, VOICES, INSTRUMENTS))
TEMPOS = {steps: split(words) for steps, words in TEMPOS.items()}
FILLERS = split(FILLERS)

_meanings = [word.lower() for group in (*STYLES.values(), *MODES, *VOICES, *INSTRUMENTS, *TEMPOS.values(), FILLERS) for word in group]
assert len(_meanings) == len(set(_meanings)), sorted(word for word in set(_meanings) if _meanings.count(word) > 1)
MEANING = frozenset(part for word in _meanings for part in word.replace("-", " ").split())     # the single words of all phrases above

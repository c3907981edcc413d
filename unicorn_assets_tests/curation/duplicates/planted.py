"""Texts with planted near-duplicates, and what is near what by brute force."""

import random
import re
import unicodedata
from itertools import combinations

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def vocabulary(rng, size=3000):
    return sorted({"".join(rng.choices(LETTERS, k=rng.randint(2, 9))) for _ in range(size)})


def fresh(rng, known, least=40, most=90):
    return rng.choices(known, k=rng.randint(least, most))


def changed(rng, known, words, times):
    """The same with so many words replaced."""
    out = list(words)
    for place in rng.sample(range(len(out)), times):
        out[place] = rng.choice(known) + "x"
    return out


def corpus(seed=1, texts=150):
    """Texts of all kinds: fresh ones, changed ones, cut ones, the same in other letters."""
    rng = random.Random(seed)
    known = vocabulary(rng)
    found = [fresh(rng, known) for _ in range(texts)]
    for words in list(found[: texts // 3]):
        found.append(changed(rng, known, words, rng.choice((1, 1, 1, 2, 2, 3, 5, 9))))
    for words in list(found[: texts // 6]):
        start = rng.randint(0, 10)
        found.append(words[start : start + 25])
    said = [" ".join(words).capitalize() + "." for words in found]
    said += [text.upper().replace(" ", ", ") for text in said[: texts // 10]]
    rng.shuffle(said)
    return said


def shingles(text, length):
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())
    return {tuple(words[at : at + length]) for at in range(max(len(words) - length + 1, min(len(words), 1)))}


def near(texts, length, jaccard, contained):
    """Pairs of places by brute force, with their similarity and by what they are near."""
    sets = [shingles(text, length) for text in texts]
    found = {}
    for a, b in combinations(range(len(texts)), 2):
        if not sets[a] or not sets[b]:
            continue
        both = len(sets[a] & sets[b])
        similar, held = both / len(sets[a] | sets[b]), both / min(len(sets[a]), len(sets[b]))
        if similar >= jaccard:
            found[a, b] = similar, "lexical"
        elif contained is not None and held >= contained:
            found[a, b] = held, "contained"
    return found

"""What a caption looks like before it is hashed, and which captions are no use as a seed.

An id is the hash of what `normalise` returns, so a change here gives seeds new ids: bump CLEANING_VERSION with it.
"""

import re
import unicodedata
from dataclasses import dataclass

from unicorn_assets.recipe import Seeds
from unicorn_assets.text import words

CLEANING_VERSION = 1
"""Goes up whenever some text is cleaned or judged differently."""

LETTERS_PER_WORD = 30
"""A text with more characters than this for each allowed word is too long, whatever its words are."""

_INVISIBLE = frozenset({"Cc", "Cf"})

# What CC3M's tokeniser pulled apart: quotes as `` and '', "it 's", "do n't", "( a )", "river .".
_OPENING_QUOTES = re.compile(r"`` ?")
_CLOSING_QUOTES = re.compile(r" ?''")
_CONTRACTION = re.compile(
    r"(?<=[^\W\d_]) (?=['’](?:s|re|ve|ll|d|m|t)\b(?!['’]))|(?<=[^\W\d_]) (?=n['’]t\b)", re.IGNORECASE
)
_AFTER_BRACKET = re.compile(r"(?<=[(\[{]) ")
# A point, colon or per cent sign that a word or digit follows belongs to what follows (".5", ":cat:").
_BEFORE_PUNCTUATION = re.compile(r" (?=[,;!?)\]}…]|[.:%](?!\w))")

_URL = re.compile(
    r"[a-z]{2,10}://|\bwww\.\w|(?<=\w)@\w+\.\w|(?<=\w)\.(?:com|org|net|edu|gov|html?|php|jpe?g|png|gif|webp)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"<[a-z/!][^<>]*>|&(?:[a-z]{2,8}|#x?[0-9a-f]{1,6});|\[/[a-z]+\]|\[(?:b|i|u|url|img)[=\]]|\]\(|\{\{|\}\}|\[\[|\]\]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reject:
    """Why a text is no use: a short, stable code, and the particulars for a person."""

    reason: str
    detail: str


def clean(text: str, rules: Seeds) -> str | Reject:
    """The seed that a caption gives, or why it gives none.

    Cleaning what was cleaned changes nothing.

    Returns:
        The normalised text, or a Reject: nul_byte, bad_encoding, empty, too_long, url, markup, too_short or
        not_mostly_letters, the first that holds.
    """
    if "\x00" in text:
        return Reject("nul_byte", f"NUL at character {text.index(chr(0)) + 1}")
    if fault := encoding_fault(text):
        return Reject("bad_encoding", fault)
    seed = normalise(text)
    return _fault(seed, rules) or seed


def encoding_fault(text: str) -> str | None:
    """What shows that `text` was decoded wrongly, or None: a lone surrogate or a replacement character."""
    if text.isascii():
        return None
    for position, character in enumerate(text, start=1):
        if character == "\ufffd" or "\ud800" <= character <= "\udfff":
            return f"U+{ord(character):04X} at character {position}"
    return None


def normalise(text: str) -> str:
    """Unicode NFC on one line, without invisible characters and without the spaces of a tokeniser."""
    if not text.isprintable():
        text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if "`" in text or "'" in text:
        text = _CLOSING_QUOTES.sub('"', _OPENING_QUOTES.sub('"', text))
    return _BEFORE_PUNCTUATION.sub("", _AFTER_BRACKET.sub("", _CONTRACTION.sub("", text))).strip()


def _fault(seed: str, rules: Seeds) -> Reject | None:
    if not seed:
        return Reject("empty", "nothing is left after cleaning")
    if len(seed) > rules.max_words * LETTERS_PER_WORD:
        return Reject("too_long", f"{len(seed)} characters, for at most {rules.max_words} words")
    if found := _URL.search(seed):
        return Reject("url", f"{found[0]!r} at character {found.start() + 1}")
    if found := _MARKUP.search(seed):
        return Reject("markup", f"{found[0][:40]!r} at character {found.start() + 1}")
    count = len(words(seed))
    if count > rules.max_words:
        return Reject("too_long", f"{count} words, more than {rules.max_words}")
    visible = len(seed) - seed.count(" ")
    letters = sum(map(_is_letter, seed))
    if letters < rules.min_letters * visible:
        return Reject("not_mostly_letters", f"{letters} letters of {visible} characters, below {rules.min_letters:g}")
    if count < rules.min_words:
        return Reject("too_short", f"{count} words, fewer than {rules.min_words}")
    return None


def _is_letter(character: str) -> bool:
    # Vowel signs of many scripts are marks (M) on their consonant, and part of a word all the same.
    return character.isalpha() or (character > "\u02ff" and unicodedata.category(character)[0] == "M")

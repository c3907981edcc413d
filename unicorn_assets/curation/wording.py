"""Wording that training text should not add: exact specifics, moods, what no camera shows, and talk of its own source.

Each kind is one combined pattern behind a cheap look at the words, since nearly every caption has none of them.
"""

import re
from collections.abc import Set
from dataclasses import dataclass

from unicorn_assets.text import word_set

_NUMBER = (
    r"(?:\d[\d.,/]{0,12}|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?|hundred|thousand|"
    r"dozen))"
)
_UNITS = (
    r"inch(?:es)?|yards?|miles?|(?:milli|centi|kilo)?met(?:er|re)s?|(?:milli)?lit(?:er|re)s?|(?:kilo)?grams?|"
    r"pounds?|ounces?|tons?|tonnes?|gallons?|acres?|hectares?|watts?|volts?|horsepower|megapixels?|"
    r"degrees?|percent|per cent|seconds|minutes?|hours?|days?|weeks?|months?"
)
_SYMBOLS = r"mm|cm|km|m|kg|g|lbs?|oz|ft|mph|km/h|kph|ml|l|hp|kw|gb|mb|mp"
_MONTHS = r"January|February|March|April|May|June|July|August|September|October|November|December"
_SAID = r"(?:mention|describe|state|impl(?:y|ie)|suggest|indicate|specif(?:y|ie))(?:s|d|ed)?"
_EXTENT = r"tall|long|wide|high|deep|away|apart|across|thick|above|below|off|from"
_SCALE = r"(?:depth|scale|motion|movement|space|perspective|height|distance|proportion)"


@dataclass(frozen=True, slots=True)
class Wording:
    """One kind of wording.

    Args:
        code: reason code.
        what: what was found, for a person.
        pattern: finds it.
        triggers: parts of words, lower case, one of which stands in every finding that has no digit.
        digits: whether any digit is worth a look.
    """

    code: str
    what: str
    pattern: re.Pattern[str]
    triggers: frozenset[str]
    digits: bool = False

    def found(self, text: str, forms: Set[str], has_digit: bool) -> list[str]:
        """The findings in `text`, whose lower-case words and parts of hyphenated words are `forms`."""
        if (self.digits and has_digit) or not self.triggers.isdisjoint(forms):
            return [match.group() for match in self.pattern.finditer(text)]
        return []


_MOODS = word_set(
    """adorable amazing ambiance ambience awe awe-inspiring beautiful beautifully beauty breathtaking captivating charm
    charming cheerful cheerfully cosy cozy cute delicious delightful dreamlike dreamy eerie enchanted enchanting
    ethereal evocative evoke evokes evoking excited excitedly excitement fantastic gloomy gorgeous gorgeously happily
    happiness harmonious heartwarming idyllic incredible inspiring inviting joy joyful joyfully joyous lovely magical
    magnificent majestic marvellous marvelous melancholy memorable mesmerising mesmerizing mouthwatering mouth-watering
    mysterious nostalgia nostalgic ominous peaceful peacefully peacefulness picturesque proudly romantic scrumptious
    serene serenely serenity soothing spectacular splendid stunning tasty timeless tranquil tranquility tranquillity
    unforgettable vibe vibes welcoming whimsical wonderful yummy"""
)
_MOOD_PHRASE = word_set("sense feeling atmosphere mood aura")

WORDINGS = (
    Wording(
        "added_measure",
        "an exact measure",
        re.compile(
            rf"{_NUMBER}[ -]?(?:{_UNITS})\b(?![ -]olds?\b)"
            rf"|\d[\d.,]{{0,12}} ?(?:(?:{_SYMBOLS})\b|[%°″]|['’]\d{{1,2}})"
            r"|\d[\d.,]{0,12}[ -](?:foot|feet)\b"
            rf"|{_NUMBER}[ -](?:foot|feet)[ -](?:{_EXTENT})\b",
            re.IGNORECASE,
        ),
        word_set(
            """inch inches yard yards mile miles meter meters metre metres millimeter millimeters millimetre millimetres
            centimeter centimeters centimetre centimetres kilometer kilometers kilometre kilometres liter liters litre
            litres milliliter milliliters millilitre millilitres gram grams kilogram kilograms pound pounds ounce ounces
            ton tons tonne tonnes gallon gallons acre acres hectare hectares watt watts volt
            volts horsepower megapixel megapixels degree degrees percent cent seconds minute minutes hour hours
            day days week weeks month months foot feet"""
        ),
        digits=True,
    ),
    Wording(
        "added_age",
        "an age",
        re.compile(
            rf"{_NUMBER}[ -](?:years?|months?|weeks?|days?)[ -]olds?\b"
            rf"|\b(?:aged|(?:the |an )?age of|age) {_NUMBER}\b"
            r"|\b(?:his|her|their) (?:(?:early|mid|late)[ -]?)?(?:teens|twenties|thirties|forties|fifties|sixties|"
            r"seventies|eighties|nineties|\d0s)\b",
            re.IGNORECASE,
        ),
        word_set("old olds aged age teens twenties thirties forties fifties sixties seventies eighties nineties"),
        digits=True,
    ),
    Wording(
        "added_date",
        "a date",
        re.compile(
            rf"\b(?:1[5-9]|20)\d\d(?:['’]?s)?\b|\b(?:{_MONTHS}) \d|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTHS})\b"
            r"|\b(?:January|February|April|July|September|October|November|December)\b"
            r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b"
            r"|(?:\b\d{1,2}(?:st|nd|rd|th)|\b\w+(?:th|st))[ -][Cc]entury\b"
        ),
        word_set(
            """january february march april may june july august september october november december monday tuesday
            wednesday thursday friday saturday sunday century"""
        ),
        digits=True,
    ),
    Wording(
        "added_time",
        "a clock time",
        re.compile(r"\b\d{1,2}:\d\d\b|\b\d{1,2} ?[ap]\.?m\b|\b(?:\d{1,2}|[a-z]+) o['’]clock\b", re.IGNORECASE),
        word_set("o'clock o’clock"),
        digits=True,
    ),
    Wording(
        "added_price",
        "a price",
        re.compile(
            rf"[$€£¥] ?\d[\d.,]{{0,12}}|{_NUMBER}[ -](?:dollars?|euros?|cents?|yen|rupees?|USD|EUR)\b", re.IGNORECASE
        ),
        word_set("dollar dollars euro euros cent cents yen rupee rupees"),
        digits=True,
    ),
    Wording(
        "added_serial",
        "a serial number",
        re.compile(
            r"\b[Ss]erial numbers?\b|\b\d{6,}\b|\b\d{3}-\d{4}\b"
            r"|(?<![\w-])(?=[A-Z0-9-]*[A-Z])(?=(?:[A-Z-]*\d){3})[A-Z0-9][A-Z0-9-]{4,}(?!\w)"
        ),
        frozenset({"serial"}),
        digits=True,
    ),
    Wording(
        "added_mood",
        "a mood or an opinion",
        re.compile(
            rf"\b(?:{'|'.join(sorted(_MOODS))})\b|\b(?:sense|feeling|atmosphere|mood|aura) of (?!{_SCALE})\w+",
            re.IGNORECASE,
        ),
        _MOODS | _MOOD_PHRASE,
    ),
    Wording(
        "added_nonvisual",
        "something no camera shows",
        re.compile(
            r"\b(?:scents?|scented|aromas?|aromatic|fragrances?|fragrant|odou?rs?|smell(?:s|ed|ing|y)?|audible|audibly)\b"
            r"|\bsounds? of\b|\b(?:hum|murmur|rustle|chatter) of\b|\b(?:be|almost|being) heard\b"
            r"|\bto the touch\b|\btastes? (?:of|like)\b",
            re.IGNORECASE,
        ),
        word_set(
            """scent scents scented aroma aromas aromatic fragrance fragrances fragrant odor odors odour odours smell
            smells smelled smelling smelly audible audibly sound sounds hum murmur rustle chatter heard touch taste
            tastes"""
        ),
    ),
    Wording(
        "source_leak",
        "talk of its own source",
        re.compile(
            r"\bcaptions?\b|\b(?:the|this|image|scene|given|provided) descriptions?\b"
            r"|\bas (?:is )?(?:described|mentioned|stated)\b|\bdescribed (?:in|by) the\b"
            r"|\b(?:is|are|was|were) (?:not )?(?:explicitly |specifically |also )?(?:mentioned|specified|stated)\b"
            rf"|\b(?:text|passage|notes|prompt|paragraph|sentence) (?:do(?:es)?(?: not|n['’]t) )?{_SAID}\b"
            r"|\baccording to the (?:text|passage|notes|paragraph|sentence|information)\b"
            r"|\b(?:provided|given|original|source|input|seed) (?:text|passage|notes|prompt|sentence|phrase)\b"
            r"|\bscene notes\b|\bnotes (?:do not |don['’]t )?say\b",
            re.IGNORECASE,
        ),
        word_set(
            """caption captions description descriptions described mentioned specified stated text passage notes prompt
            paragraph sentence according phrase"""
        ),
    ),
)
"""All kinds, in the order in which they are reported."""

SOURCE_LEAK = WORDINGS[-1].pattern
"""Finds talk of a caption or a text as the source of what is known."""

"""What a question asks for: its type, what it is about, and whether an image could answer it at all."""

import re
from collections.abc import Iterable

from unicorn_assets.curation.inflection import parts, stem
from unicorn_assets.text import word_set, words

_EMPTY = frozenset(
    map(
        stem,
        word_set(
            """a an the is are was were be been being am do does did have has had will would can could may might of to
            it its this that these those there here one he she they them his her their him and also as so i you we
            see seen sees saw visible picture image photo photograph scene view shown shows show pictured depicted
            appear appears count look looks like what which who whom whose how when where why if any some s"""
        ),
    )
)
"""Stems that say nothing of what is asked or answered; prepositions are not among them, since they place things."""

_YES_NO = word_set("is are was were do does did has have had can could will would should isn't aren't doesn't don't")
_TYPES = word_set("what which where who whose why when how")

_INFERENCE = re.compile(
    r"\b(?:why|likely|probabl[ey]|might|suggests?|infer(?:red)?|imply|implies|purpose|reason|season|weather|"
    r"time of (?:day|year)|kind of place|type of place|what kind of (?:day|event|occasion)|happen|next|could|would)\b",
    re.IGNORECASE,
)

_NEVER = re.compile(
    r"\bwhat (?:kind of |type of |sort of )?(?:sounds?|noises?|smells?|scents?|aromas?|odou?rs?)\b"
    r"|\b(?:smells?|sounds?|tastes?) like\b|\bto the touch\b|\b(?:be|you|one) hear[d]?\b"
    r"|\bhow (?:does|do|did|would|might) [^?]{1,60}\b(?:smell|sound|taste)\b"
    r"|\bwho (?:took|photographed|shot)\b|\bname of the photographer\b"
    r"|\b(?:what|which) (?:camera|lens)\b[^?]{0,40}\b(?:used|taken|took)\b"
    r"|\bwhat (?:is|are) [^?]{1,40}\b(?:thinking|dreaming|hoping)\b",
    re.IGNORECASE,
)
"""Asks for what no image has."""

_UNLESS_TOLD = re.compile(
    r"\bwhat(?:['’]s| is| are| was) (?:the |his |her |their )?(?:[\w'’]+ ){0,3}(?:full |first |last )?names?\b"
    r"|\bwhat(?:['’]s| is| are| was) [^?]{1,40}\b(?:called|named)\b"
    r"|\b(?:what|which) (?:exact )?(?:year|date|month|decade|century|day of the week)\b|\bwhen (?:was|were)\b"
    r"|\bhow much (?:do|does|did) [^?]{1,60}\bcost\b|\bwhat(?:['’]s| is| was) the (?:price|cost)\b"
    r"|\bhow (?:tall|heavy|old|deep|fast|hot|cold) (?:is|are|was|were)\b"
    r"|\bwhat(?:['’]s| is| are) (?:the |his |her |their )?(?:exact )?(?:height|weight|age|temperature|speed)\b"
    r"|\bhow many (?:inches|feet|yards|miles|(?:centi|kilo)?met(?:er|re)s|pounds|kilograms|years)\b"
    r"|\b(?:what|which) (?:city|town|country|nation|brand|flavou?r)\b",
    re.IGNORECASE,
)
"""Asks for what an image has only where its caption says so: names, dates, prices, measures, ages."""

_TOTAL = re.compile(
    r"how many ((?:[\w'’-]+ ){0,2}[\w'’-]+?) (?:are|is|can|do|does)"
    r"(?: (?:there|visible|be seen|you see|one see|shown|appear|pictured))?"
    r"(?: in (?:all|total|the (?:image|picture|photo|photograph|scene)))?\??",
    re.IGNORECASE,
)
_COLOUR_OF = re.compile(r"(?:what|which) colou?r (?:is|are) (?:the |a |an )?([^?,]+?)\??", re.IGNORECASE)


def question_type(question: str) -> str:
    """What a question begins by asking: `what`, `which`, `where`, `how many`, `how`, `who`, `why`, `when`, `yes/no`.

    `other` where it does none of it in its wording.
    """
    said = words(question)
    if said and said[0] in _YES_NO:
        return "yes/no"
    for word, following in zip(said, [*said[1:], ""], strict=False):
        if word in _TYPES:
            many = word == "how" and following in ("many", "much")
            return "how many" if many else "who" if word == "whose" else word
    return "other"


def meaning(text: str) -> list[str]:
    """The stems of a text that say something, in order, each once."""
    found = dict.fromkeys(stem(part) for part in parts(text))
    return [one for one in found if one not in _EMPTY]


def topic_of(question: str) -> tuple[str, frozenset[str]]:
    """What makes two questions the same: what they ask, and about what, however it is worded."""
    kind = question_type(question)
    return ("what" if kind == "which" else kind), frozenset(meaning(question))


def gives_choice(question: str) -> bool:
    """Whether a question names the answers that it leaves the choice of."""
    return question_type(question) == "yes/no" or "or" in words(question)


def infers(question: str) -> bool:
    """Whether a question asks for what follows from what is seen."""
    return _INFERENCE.search(question) is not None


def unanswerable(question: str, answered: Iterable[str], told: frozenset[str]) -> str | None:
    """What in a question no image could answer, None if nothing.

    Args:
        question: the question.
        answered: stems that its answer adds to it.
        told: stems of the caption: what it tells may be asked for, but not what is never seen.
    """
    never = _NEVER.search(question)
    if never:
        return never.group()
    asks = _UNLESS_TOLD.search(question)
    return asks.group() if asks and not (told.issuperset(answered) and set(answered)) else None


def claim_of(question: str, answer: str) -> tuple[str, bool]:
    """What a question and its answer claim together, and whether it is how many there are of something in all."""
    total = _TOTAL.fullmatch(question.strip())
    if total:
        return (f"{answer.rstrip('.')} {total.group(1)}" if len(words(answer)) == 1 else answer), True
    colour = _COLOUR_OF.fullmatch(question.strip())
    if colour and len(words(answer)) <= 2:
        return f"{answer.rstrip('.')} {colour.group(1)}", False
    return answer, False

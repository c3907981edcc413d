"""Words of an English text: the one tokenisation that the engine, the curation and the meters share."""

import re

WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")

FUNCTION_WORDS = frozenset(
    """
    a about above across after against all along also although am among an and another any are around as at away
    be because been before behind being below beneath beside besides between beyond both but by
    can could did do does doing down during each either else every few for from had has have having he her here hers
    herself him himself his how i if in inside into is it its itself just least less like
    many may me might mine more most much my near neither next no nor not now of off on once one only onto or other
    others our ours out outside over own past per quite rather same several she should since so some still such
    than that the their theirs them themselves then there these they this those though through throughout to together
    too toward towards under underneath until up upon us very was we were what when where whether which while who whom
    whose why will with within without would yet you your yours
    """.split()  # noqa: SIM905 - as a list it would take 172 lines
)


def word_set(text: str) -> frozenset[str]:
    """The words of a list that is written as a text with spaces between them."""
    return frozenset(text.split())


def words(text: str) -> list[str]:
    """Lower-cased words in order; hyphens and apostrophes inside a word belong to it."""
    return WORD.findall(text.lower())


def content_words(text: str) -> list[str]:
    """The words of `text` that carry meaning, in order: all but function words."""
    return [word for word in words(text) if word not in FUNCTION_WORDS]

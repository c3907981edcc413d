"""What every raw answer goes through, whatever was asked: its size, thinking text, foreign tokens and broken JSON.

All patterns here are bounded, so that no text makes them slow.
"""

import json
import re
import unicodedata
from typing import Any, Literal

import json_repair

from unicorn_assets.engines.base import REFUSED

LONGEST_ANSWER = 50_000
"""Characters. No honest answer comes near."""

LONGEST_RESCUE = 8_000
"""Characters. Above all answers of the prompts' size; the time of the rescue grows with the square of the length."""

InvalidReason = Literal[
    "engine_refused",
    "empty",
    "too_large",
    "cut_off",
    "unfinished_thinking",
    "refusal",
    "not_prose",
    "not_json",
    "wrong_schema",
    "empty_field",
    "too_few_pairs",
    "too_many_pairs",
    "repeated_question",
    "options_not_distinct",
    "options_lettered",
    "options_cross_refer",
    "source_leak",
    "image_token",
    "bad_characters",
]


class InvalidAnswer(Exception):  # noqa: N818 - a verdict on an answer, which becomes its row's reason
    """An answer that is of no use: a stable reason to count by, and a detail to read."""

    def __init__(self, reason: InvalidReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


_THINKING_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_SPECIAL = re.compile(
    r"<\s{0,3}/?\s{0,3}(?:image|video|audio|im_start|im_end|im_patch|s|bos|eos|pad|unk|think|thinking)\s{0,3}/?>"
    r"|<\|[^<>|\n]{1,40}\|>|\[/?INST\]|<</?SYS>>",
    re.IGNORECASE,
)
_NO_TEXT = ("Cc", "Cs", "Co")
_JSON_START = re.compile(r'\{\s*"pairs"\s*:')


def answered(text: str) -> str:
    """What is answered after thinking, if anything; some servers leave out the start of thinking.

    Raises:
        InvalidAnswer: the answer is empty, or longer than any honest one.
    """
    if len(text) > LONGEST_ANSWER:
        raise InvalidAnswer("too_large", f"{len(text)} characters, at most {LONGEST_ANSWER} are read")
    rest = _THINKING_END.split(text)[-1].strip()
    if not rest:
        raise InvalidAnswer("empty", "thinking and no answer" if text.strip() else "the answer is empty")
    return rest


def not_refused(text: str, finish_reason: str) -> None:
    """Lets an answer pass.

    Raises:
        InvalidAnswer: the engine got none for this row, or the server's filter cut it; `text` says why.
    """
    if finish_reason in (REFUSED, "content_filter"):
        raise InvalidAnswer("engine_refused", excerpt(text) or finish_reason)


def cut_off(text: str) -> InvalidAnswer:
    """The verdict on an answer that ran out of room."""
    return InvalidAnswer("cut_off", f"the room ran out after: {excerpt(text[-80:])}")


def checked(text: str) -> str:
    """`text` on one line with single spaces, fit for training.

    Raises:
        InvalidAnswer: nothing is left, or it holds a special token of a trainer or a character that is no text.
    """
    line = " ".join(text.split())
    if not line:
        raise InvalidAnswer("empty_field", "a text is empty")
    special = _SPECIAL.search(line) if "<" in line or "[" in line else None
    if special:
        raise InvalidAnswer("image_token", f"a special token in the text: {excerpt(special.group())}")
    if not line.isprintable():
        for character in line:
            if unicodedata.category(character) in _NO_TEXT:
                raise InvalidAnswer("bad_characters", f"character U+{ord(character):04X} in: {excerpt(line)}")
    if "\ufffd" in line:
        raise InvalidAnswer("bad_characters", f"bytes that were no UTF-8 in: {excerpt(line)}")
    return line


def read_json(text: str, *, rescue: bool) -> tuple[Any, bool]:
    """The JSON object in `text`, and whether it took the rescue to read it.

    Text around the object is cut, and of several drafts the last one counts. The rescue gets no more than what ends
    with a complete object, so that half a pair at the end falls away instead of being closed in the middle of a word.

    Args:
        text: an answer without its thinking.
        rescue: whether broken JSON may be repaired; False for an answer that ran out of room.

    Raises:
        InvalidAnswer: there is no JSON object in it.
    """
    end = text.rfind("}") + 1
    first = text.find("{")
    drafts = [match.start() for match in _JSON_START.finditer(text)]
    last = drafts[-1] if drafts else first
    if first < 0 or end <= last:
        raise InvalidAnswer("not_json", f"no complete JSON object: {excerpt(text)}") if rescue else cut_off(text)
    for start in (first, last):
        try:
            return json.loads(text[start:end]), False
        except (ValueError, RecursionError):
            continue
    if not rescue:
        raise cut_off(text)
    if end - last > LONGEST_RESCUE:
        raise InvalidAnswer("not_json", f"broken, and {end - last} characters are too many to repair: {excerpt(text)}")
    try:
        return json_repair.loads(text[last:end]), True
    except Exception as error:  # a foreign parser on any text at all: whatever it says, this is no JSON
        raise InvalidAnswer("not_json", f"{type(error).__name__}: {excerpt(text)}") from None


def excerpt(text: str) -> str:
    """At most 120 characters of `text`, on one line, that any file can hold."""
    return " ".join(text[:120].split()).encode("utf-8", "backslashreplace").decode("utf-8")

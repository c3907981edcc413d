"""Captions and dialogs as conversations in LLaVA's form: turns of `from` and `value`, `<image>` in the first one alone.

The prompts and the place of `<image>` are drawn by the sample's id, so a sample reads the same wherever it is made.
"""

from collections.abc import Sequence

from unicorn_assets.engines.base import DialogTask
from unicorn_assets.identity import draw
from unicorn_assets.synthesis.answers import LETTERS, Turn
from unicorn_assets.synthesis.raw import InvalidAnswer, checked

CONVERSATION_VERSION = 1
"""Bumped by hand when a conversation changes; a golden test tells when that is due."""

IMAGE = "<image>"
"""Where the trainer puts the image. Any text that holds it, or another special token, is refused."""

DESCRIBE = (
    "Describe this image in detail.",
    "Give a detailed description of what this image shows.",
    "What can be seen in this image? Answer in detail.",
    "Write a thorough account of everything visible in this picture.",
    "Explain in detail what this picture shows.",
    "Describe the scene, its main subject and its surroundings as fully as you can.",
    "Provide a comprehensive description of the picture.",
    "Look closely at this image and report all the visible details.",
    "Go through this picture from the main subject to the background and describe it.",
    "Please describe the contents of this photo at length.",
    "What does this photo show? Be specific and complete.",
    "Characterise the objects, colours and arrangement in this image in one rich paragraph.",
    "Tell me in detail what is in this photograph.",
    "Write a dense, factual paragraph about this image.",
    "Put everything you can observe in this photo into words.",
    "Could you give me a full description of this picture?",
)
"""Ways to ask for a caption."""

CHOOSE = "Answer with the letter of the right option only."
"""Stands after the options of every multiple-choice question."""

Conversation = list[dict[str, str]]


def pretrain(id: str, caption: str) -> Conversation:
    """One drawn request for a description, answered by the caption.

    Raises:
        InvalidAnswer: the caption is empty or holds a special token.
    """
    prompt = DESCRIBE[int(draw(id, "describe") * len(DESCRIBE))]
    return [_human(_with_image(id, prompt)), _gpt(checked(caption))]


def instruction(id: str, task: DialogTask, turns: Sequence[Turn]) -> Conversation:
    """The turns of a dialog, the options of a multiple-choice question on lines of their own below it.

    Raises:
        InvalidAnswer: there are no turns, or a text is empty or holds a special token.
    """
    if not turns:
        raise InvalidAnswer("empty", "a conversation needs a turn")
    conversation = []
    for turn in turns:
        question = checked(turn.question)
        if task == "multiple_choice":
            options = (f"{letter}: {checked(option)}" for letter, option in zip(LETTERS, turn.options, strict=True))
            question = "\n".join([question, *options, CHOOSE])
        conversation += [_human(question), _gpt(checked(turn.answer))]
    conversation[0] = _human(_with_image(id, conversation[0]["value"]))
    return conversation


def _with_image(id: str, text: str) -> str:
    return f"{IMAGE}\n{text}" if draw(id, "image-place") < 0.5 else f"{text}\n{IMAGE}"


def _human(value: str) -> dict[str, str]:
    return {"from": "human", "value": value}


def _gpt(value: str) -> dict[str, str]:
    return {"from": "gpt", "value": value}

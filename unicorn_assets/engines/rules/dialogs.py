"""Dialogs: the JSON answer to each of the three tasks, made from what a caption says."""

import json

from unicorn_assets.engines.base import DialogTask
from unicorn_assets.engines.rules.draws import Draws
from unicorn_assets.engines.rules.knowledge import learn
from unicorn_assets.engines.rules.questions import Pair, choice, full
from unicorn_assets.engines.rules.reasoning import reason


def dialog(task: DialogTask, seed: str, caption: str, number: int) -> str:
    """Questions about what the caption shows, as JSON: `pairs` of `question` and `answer`, for choices `distractors`.

    A choice or question task has 6 to 8 pairs and reasoning 2 to 4; fewer where the caption says too little, which the
    parser then rejects.

    Args:
        task: which of the tasks.
        seed: the caption's seed.
        caption: the caption, by whatever writer.
        number: the row's seed for this task.
    """
    draws, known = Draws(number, caption), learn(seed, caption)
    ask = {"multiple_choice": choice, "question_answering": full, "complex_reasoning": reason}[task]
    return json.dumps({"pairs": [_table(pair) for pair in ask(known, draws)]}, ensure_ascii=False)


def _table(pair: Pair) -> dict[str, str | list[str]]:
    table: dict[str, str | list[str]] = {"question": pair.question, "answer": pair.answer}
    if pair.distractors:
        table["distractors"] = list(pair.distractors)
    return table

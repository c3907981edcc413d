import hashlib
from collections.abc import Iterator

import pytest

from unicorn_assets.engines.base import Message, Model, Request, Sampling
from unicorn_assets.engines.rules import VERSION, RulesEngine
from unicorn_assets.errors import EngineError
from unicorn_assets_tests.engines.test_rules_expansion import SEEDS

GOLDEN = {"1": "990d80bd22669cf6b48fbc7f957b2b56"}
"""Digest of all answers below by version: another digest wants another version."""


def request(task: str, source: dict[str, str], seed: int = 1, **other: object) -> Request:
    fields = {"messages": (), "prompt_version": "1", "schema": None, "sampling": Sampling(0.7, 0.9, 512, seed)}
    return Request(id="0" * 20, task=task, source=source, **(fields | other))


def text(asked: Request) -> str:
    [(same, answer)] = RulesEngine().generate([asked])
    assert same is asked
    assert (answer.finish_reason, answer.prompt_tokens, answer.completion_tokens) == ("stop", 0, 0)
    return answer.text


def test_it_says_who_it_is() -> None:
    assert RulesEngine().model == Model("rules", "rules", VERSION)


def test_output_changes_only_with_the_version() -> None:
    digest = hashlib.blake2b(digest_size=16)
    for number, seed in enumerate(SEEDS):
        caption = text(request("expansion", {"seed": seed}, number))
        digest.update(caption.encode())
        for task in ("multiple_choice", "question_answering", "complex_reasoning"):
            digest.update(text(request(task, {"seed": seed, "caption": caption}, number)).encode())
    assert GOLDEN.get(VERSION) == digest.hexdigest(), "output has changed: bump VERSION and record its digest"


def test_a_golden_caption_can_be_read() -> None:
    assert text(request("expansion", {"seed": "A brown dog standing on the kitchen floor looking up."})) == (
        "Veiled, silvery brightness comes thinly from the left. There is a brown dog standing on the kitchen "
        "floor looking up. A lemon-yellow oven glove with small creases can be seen in the left background, "
        "while a matte salt cellar, sky-blue in tone, rests in the near right corner. The dull worktop "
        "carries slight ripples in the lower half, and smooth shadows run to the right. A dull straw-coloured "
        "extractor duct appears along the front left edge. Behind everything else are rows of cupboard doors. "
        "Outlines are clear close up and softer towards the background. A speckled ochre kettle sits next to "
        "a socket."
    )


def test_only_source_and_seed_decide() -> None:
    one = request("expansion", {"seed": "A cat on a wall."})
    two = request(
        "expansion",
        {"seed": "A cat on a wall."},
        messages=(Message("user", "Something else."),),
        prompt_version="9",
        sampling=Sampling(0.0, 0.1, 3, 1),
    )
    assert text(one) == text(two) != text(request("expansion", {"seed": "A cat on a wall."}, seed=2))


def test_requests_are_read_one_at_a_time() -> None:
    read = []

    def endless() -> Iterator[Request]:
        while True:
            read.append(1)
            yield request("expansion", {"seed": "A cat on a wall."})

    answers = RulesEngine().generate(endless())
    next(answers)
    next(answers)
    assert len(read) == 2


@pytest.mark.parametrize(
    ("task", "source", "key"),
    [("expansion", {}, "seed"), ("multiple_choice", {"seed": "A cat."}, "caption"), ("expansion", {"x": "y"}, "seed")],
)
def test_a_missing_source_is_an_error_that_names_it(task: str, source: dict[str, str], key: str) -> None:
    with pytest.raises(EngineError, match=f"{task}.*'{key}'"):
        text(request(task, source))


def test_closing_twice_is_fine() -> None:
    engine = RulesEngine()
    engine.close()
    engine.close()

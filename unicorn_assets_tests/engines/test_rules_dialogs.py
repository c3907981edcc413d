import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.engines.rules.dialogs import dialog
from unicorn_assets.engines.rules.draws import Draws
from unicorn_assets.engines.rules.expansion import expand
from unicorn_assets.engines.rules.knowledge import learn
from unicorn_assets.engines.rules.lexicon import lexicon
from unicorn_assets.engines.rules.phrases import article, facts, fill, forms, pools
from unicorn_assets.engines.rules.questions import choice
from unicorn_assets.engines.rules.spots import Cell, cell, exclude
from unicorn_assets.engines.rules.wrong import options
from unicorn_assets.text import content_words, words
from unicorn_assets_tests.engines.test_rules_expansion import SEEDS, coco

TASKS = ["multiple_choice", "question_answering", "complex_reasoning"]
BANNED = {"caption", "captions", "description", "text", "mentions", "described", "mentioned", "image", "picture"}
FOREIGN = (
    "A brown dog lies on a grey couch next to a small white pillow. A wooden table stands in front of the couch and "
    "holds a green vase with four roses, an open book and a cup. To the left is a tall lamp, and a window with white "
    "curtains lets light onto the floor, which is covered by a red rug. A black cat sits under the table near a blue "
    "ball. On the wall hang two paintings and a round clock."
)
OWN = [(seed, expand(seed, number)) for number, seed in enumerate([*SEEDS, *coco()[:150]])]


def pairs(task: str, seed: str, caption: str, number: int = 1) -> list[dict]:
    answer = json.loads(dialog(task, seed, caption, number))
    assert list(answer) == ["pairs"]
    return answer["pairs"]


@pytest.mark.parametrize("task", TASKS)
def test_own_captions_have_enough_to_ask_about(task: str) -> None:
    fewest, most = (2, 4) if task == "complex_reasoning" else (6, 8)
    for seed, caption in OWN:
        found = pairs(task, seed, caption)
        assert fewest <= len(found) <= most, caption
        questions = [pair["question"] for pair in found]
        assert len(set(questions)) == len(questions)
        for pair in found:
            assert list(pair) == ["question", "answer", *(["distractors"] if task == "multiple_choice" else [])]
            assert pair["question"].endswith("?")
            assert pair["question"][0].isupper()
            assert pair["answer"]
            assert not set(words(f"{pair['question']} {pair['answer']}")) & (BANNED - set(words(seed)))
            assert pair["answer"] not in caption.split(". ")


def test_right_options_stand_in_the_caption_and_wrong_ones_do_not() -> None:
    for seed, caption in OWN:
        said = set(words(caption))
        for pair in pairs("multiple_choice", seed, caption):
            shown = [pair["answer"], *pair["distractors"]]
            assert len({option.lower() for option in shown}) == 4
            assert set(content_words(pair["answer"])) <= said
            for option in pair["distractors"]:
                if not _is_place(option):
                    assert not set(content_words(option)) <= said, (pair, caption)


def _is_place(option: str) -> bool:
    """Whether an option is told apart by what it excludes: its words may stand in the caption in another sense."""
    return option.lower() in lexicon().spots or any(
        option.lower() in pools()[role] for role in ("light.direction", "shade.shadow", "frame.angle", "frame.space")
    )


def test_a_wrong_spot_excludes_the_right_one() -> None:
    for seed, caption in OWN:
        known = learn(seed, caption)
        for thing in known.things:
            spot = thing.values["spot"]
            for option, _ in options(known, thing, "spot"):
                assert exclude(spot, option) or cell(spot) == cell(option) == Cell("", "")
                assert option != spot


def test_a_dialog_depends_on_its_row_alone() -> None:
    seed, caption = OWN[0]
    assert pairs("multiple_choice", seed, caption, 7) == pairs("multiple_choice", seed, caption, 7)
    assert pairs("multiple_choice", seed, caption, 7) != pairs("multiple_choice", seed, caption, 8)


@pytest.mark.parametrize("kind", [kind for kind, table in forms().items() if table.clauses])
def test_every_clause_is_read_back_as_it_was_written(kind: str) -> None:
    draws, known = Draws(1, kind), pools()
    for clause in forms()[kind].clauses:
        names = [name.split(".")[1] for name in known if name.startswith(f"{kind}.")]
        for _ in range(20):
            values = {name: draws.pick(sorted(known[f"{kind}.{name}"])) for name in names}
            written = fill(clause, values)
            read = [fact.values for fact in facts(f"{written[0].upper()}{written[1:]}.") if fact.kind == kind]
            assert read, written
            assert dict(read[0]).items() <= values.items()
            draws = Draws(2, written)


def test_facts_of_an_own_caption() -> None:
    caption = (
        "Soft, cool light falls evenly from the left. A man sits on a bench. A wet navy-blue litter bin stands in the "
        "left foreground, while far back on the right, a bollard of stone is there."
    )
    found = {fact.kind: fact.values for fact in facts(caption)}
    assert found["light"]["direction"] == "from the left"
    assert "thing" not in found  # "wet" is no adjective of what stands
    caption = caption.replace("wet", "scuffed")
    assert {fact.kind: fact.values for fact in facts(caption)}["thing"] == {
        "adj": "scuffed",
        "colour": "navy-blue",
        "item": "litter bin",
        "verb": "stands",
        "spot": "in the left foreground",
    }


@pytest.mark.parametrize("task", TASKS)
def test_a_dense_caption_of_another_writer_is_enough(task: str) -> None:
    for number in range(30):
        found = pairs(task, "A brown dog on a couch.", FOREIGN, number)
        assert len(found) >= (2 if task == "complex_reasoning" else 6)


def test_plain_facts_of_another_writer() -> None:
    known = learn("", FOREIGN)
    colours = {(fact.values["noun"], fact.values["colour"]) for fact in known.subjects if fact.kind == "painted"}
    assert {("dog", "brown"), ("rug", "red"), ("cat", "black"), ("ball", "blue")} <= colours
    counts = {(fact.values["noun"], fact.values["count"]) for fact in known.subjects if fact.kind == "count"}
    assert counts == {("roses", "four"), ("paintings", "two")}


def test_a_colour_of_several_is_none() -> None:
    known = learn("", "A black and white cat near a red bus and a red bus.")
    assert not [fact for fact in known.subjects if fact.kind == "painted"]


def test_numbers_are_added_up() -> None:
    caption = "Four roses stand near two paintings."
    answers = [pair["answer"] for number in range(20) for pair in pairs("complex_reasoning", caption, caption, number)]
    assert any("four roses" in answer and "gives six" in answer for answer in answers)


def test_shadows_lie_opposite_the_light() -> None:
    for seed, caption in OWN:
        known = learn(seed, caption)
        light, shade = known.one("light"), known.one("shade")
        if light and shade:
            assert (light.values["direction"], shade.values["shadow"]) in lexicon().directions


@pytest.mark.parametrize("caption", ["", "…", "Nothing is known here.", "\ud800", "x" * 5000, "{item} %s"])
@pytest.mark.parametrize("task", TASKS)
def test_a_caption_that_says_too_little_has_few_pairs(task: str, caption: str) -> None:
    assert pairs(task, caption, caption) == []


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=400), st.sampled_from(TASKS), st.integers(0, 2**63 - 1))
def test_no_text_breaks_a_dialog(caption: str, task: str, number: int) -> None:
    for pair in pairs(task, caption[:40], caption, number):
        assert pair["question"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(sorted(set(words(FOREIGN)))), min_size=1, max_size=120), st.integers(0, 2**63 - 1))
def test_shuffled_words_give_sound_choices(tokens: list[str], number: int) -> None:
    for pair in choice(learn("", " ".join(tokens)), Draws(number, "")):
        assert len({pair.answer, *pair.distractors}) == 4


def test_an_article_goes_by_the_sound() -> None:
    assert [article(word) for word in ("utility box", "urn", "uneven edge", "oven")] == [
        "a utility box",
        "an urn",
        "an uneven edge",
        "an oven",
    ]


def test_a_role_that_a_fact_lacks_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        fill("the {item}", {})

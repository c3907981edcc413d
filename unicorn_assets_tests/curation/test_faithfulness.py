"""Captions that contradict their seed, one a kind, and captions that only seem to."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.curation.colours import FAMILIES, differ, families
from unicorn_assets.curation.faithfulness import contradictions
from unicorn_assets.curation.grammar import number
from unicorn_assets.curation.rules import judge
from unicorn_assets.curation.statements import Relation, Statements
from unicorn_assets.engines.rules import RulesEngine
from unicorn_assets.identity import sample_id
from unicorn_assets.judging import Curation
from unicorn_assets.recipe import CHECKOUT, Sampling
from unicorn_assets.synthesis.prompts import request
from unicorn_assets.text import word_set
from unicorn_assets_tests.curation.dense_captions import FAITHFUL


def found(seed, caption):
    return [reason.code for reason in contradictions(Statements(seed), Statements(caption))]


CONTRADICTED = {
    "count_contradicted": [
        ("Two dogs run along a beach.", "Three dogs run along a sandy beach under a pale sky."),
        ("2 dogs run along a beach.", "On a beach, 3 wet dogs run."),
        ("A pair of swans on a lake.", "Four white swans glide over a lake."),
        ("Five birds on a wire.", "Four birds sit on a wire before a grey sky."),
        ("A dog sits on a porch.", "Two brown dogs sit on a wooden porch."),
        ("Two young men at a table", "Three young men with beards sit at a round table."),
        ("Twenty-two chairs in a hall", "In a hall stand 21 chairs."),
        ("Three sheep in a field", "Seven sheep stand in a green field."),
    ],
    "colour_contradicted": [
        ("A red car on a street.", "The blue car stands on a narrow street beside a kerb."),
        ("A woman in a red coat waits.", "A woman waits; she wears a long green coat with a belt."),
        ("A black and white cat sleeps", "A large orange cat sleeps on a sofa."),
        ("Two yellow buses in traffic", "Two blue buses stand in dense traffic."),
        ("A white dinner plate on a table", "A round black dinner plate lies on a table."),
    ],
    "relation_contradicted": [
        ("A cat to the left of a dog.", "A dog sits to the left of a cat on the lawn."),
        ("A cat to the left of a dog.", "A cat sits on the right side of a dog on the lawn."),
        ("A clock above a fireplace", "The fireplace stands above a round clock."),
        ("A lamp in front of a curtain", "A tall lamp stands behind a heavy curtain."),
        ("A bike under a bridge", "A bike leans over the bridge."),
    ],
    "seed_negated": [
        ("A dog in a garden.", "The garden is quiet, and no dog can be seen between its beds."),
        ("A man with a hat on a bench.", "A man without a hat sits on a bench."),
    ],
}


@pytest.mark.parametrize(
    ("code", "seed", "caption"), [(code, *pair) for code, pairs in CONTRADICTED.items() for pair in pairs]
)
def test_contradictions_are_found(code, seed, caption):
    assert found(seed, caption) == [code]


@pytest.mark.parametrize(
    ("seed", "caption"),
    [
        ("Two dogs run.", "Two dogs run past three gulls and four posts."),
        ("Two dogs run.", "A pair of dogs runs. Both dogs have four legs."),
        ("Two dogs run.", "One dog runs ahead while another dog follows."),
        ("Two dogs run.", "2 dogs run."),
        ("Two dogs run.", "Two dogs run; farther off, three dogs rest in the shade."),
        ("Five birds on a wire", "Four birds face left and the fifth looks away."),
        ("Five birds on a wire", "Two birds on the left and three birds on the right share a wire."),
        ("Six chairs", "Some of the six chairs are pulled out; two chairs stand by the wall."),
        ("Two cups of tea", "Two cups stand on three rows of tiles."),
        ("Ten sheep", "About a dozen sheep stand there."),
        ("Two or three boats", "Three boats lie at the quay."),
        ("A couple of boats", "Three boats lie at the quay."),
        ("More than two boats", "Five boats lie at the quay."),
        ("A dog sled in snow", "Six dogs pull a sled through snow."),
        ("A dog sits on a porch", "A dog sits on a porch, and two dogs watch from the yard."),
        ("A dog sits on a porch", "The dog lies there. Behind it two dogs play."),
        ("A boat with two people", "Two people, one of them in the bow, sit in the boat."),
        ("A red car on a street", "A car in deep red stands on a street, and a blue car passes it."),
        ("A red car on a street", "A crimson car stands on a street."),
        ("A red car on a street", "The car is parked. Its paint is a glossy red. A blue car passes."),
        ("A red car on a street", "A red car stands there with black tires under a grey sky."),
        ("A gold watch", "A watch with a yellow face lies there."),
        ("A blue sky over hills", "A grey sky hangs over hills."),
        ("A brown dog", "A tan dog sleeps."),
        ("A red onion on a board", "A purple onion lies on a board."),
        ("A black and white cow", "A white cow with black patches grazes."),
        ("A red car and a blue car", "The blue car stands behind the red one."),
        ("A cat to the left of a dog", "A dog sits to the right of a cat."),
        ("A bridge over a river", "The river flows under the bridge."),
        ("A cat behind a dog", "A cat sits behind a dog; in front of the cat lies a bone."),
        ("A house in front of trees", "Trees rise behind the house, and more trees stand in front of the house."),
        ("A dog in a garden", "A dog lies in a garden where no other dogs are to be seen."),
        ("An empty bench and a man", "No man sits on the bench."),
        ("A man without a hat", "A man without a hat sits there."),
        ("", ""),
        ("Two dogs", ""),
    ],
)
def test_what_adds_or_rewords_is_no_contradiction(seed, caption):
    assert found(seed, caption) == []


@pytest.mark.parametrize(("seed", "caption"), FAITHFUL, ids=[seed[:30] for seed, _ in FAITHFUL])
def test_dense_captions_in_the_manner_of_a_model_contradict_nothing(seed, caption):
    assert found(seed, caption) == []


OTHERS = {
    "count_contradicted": {"two": "five", "three": "seven", "four": "nine", "six": "two", "eight": "three"},
    "colour_contradicted": {"red": "blue", "blue": "red", "white": "purple", "black": "yellow", "green": "purple"},
    "relation_contradicted": {"above": "below", "under": "over", "behind": "in front of", "in front of": "behind"},
}
STATED = {"count_contradicted": "counts", "colour_contradicted": "colours", "relation_contradicted": "relations"}


@pytest.fixture(scope="module")
def written():
    """Shipped seeds with the captions that the rules engine writes for them."""
    lines = (CHECKOUT / "data" / "seeds" / "open_domain.jsonl").read_text(encoding="utf-8").splitlines()
    seeds = [json.loads(line)["caption"] for line in lines]
    asked = [request("expansion", sample_id(seed), {"seed": seed}, Sampling()) for seed in seeds]
    return [(one.source["seed"], answer.text) for one, answer in RulesEngine().generate(asked)]


def test_captions_of_the_rules_engine_contradict_nothing(written):
    assert len(written) == 500
    assert [pair for pair in written if found(*pair)] == []


@pytest.mark.parametrize(
    ("code", "least"), [("count_contradicted", 1.0), ("colour_contradicted", 0.8), ("relation_contradicted", 0.8)]
)
def test_most_contradictions_that_are_planted_in_captions_are_found(written, code, least):
    planted = [
        (seed, changed)
        for seed, caption in written
        if getattr(Statements(seed), STATED[code])
        and (changed := re.sub(rf"\b(?:{'|'.join(OTHERS[code])})\b", lambda word: OTHERS[code][word.group()], caption))
        != caption
        and any(re.search(rf"\b{word}\b", seed) for word in OTHERS[code])
    ]
    assert len(planted) >= 15
    assert sum(code in found(*pair) for pair in planted) >= least * len(planted)


def test_details_name_what_is_said_and_what_is_true():
    def detail(seed, caption):
        return contradictions(Statements(seed), Statements(caption))[0].detail

    assert detail("two dogs", "three dogs") == "3 instead of 2 (dogs)"
    assert detail("a red car", "a blue car") == "blue instead of red (car)"
    assert detail("a cat left of a dog", "a dog left of a cat") == "cat right dog instead of left"
    assert detail("a dog", "no dog there") == "said to be absent: dog"


def test_judge_rejects_contradictions_where_the_recipe_wants_it():
    seed, caption = "Two dogs run along a beach.", "Three dogs run along a beach."
    wanted = Curation(min_words=1, min_seed_words=0)
    assert [reason.code for reason in judge(seed, caption, wanted)] == ["count_contradicted"]
    assert judge(seed, caption, wanted.model_copy(update={"contradictions": False})) == []


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *[("two", 2), ("12", 12), ("twenty-two", 22), ("ninety", 90), ("dozen", 12), ("0", None), ("1987", None)],
        *[("twenty-ten", None), ("dog", None), ("two-storey", None)],
    ],
)
def test_numbers(word, value):
    assert number(word) == value


def test_what_a_text_states():
    text = Statements("Two brown dogs lie under a red-tiled roof left of about ten trees; both dogs sleep.")
    assert text.counts == {"dog": {2}}
    assert text.loose_counts == {"tre": {10}, "dog": {2}}
    assert text.colours == {"dog": frozenset({"brown"}), "roof": frozenset({"red"})}
    assert Statements("A clock above the door.").relations == [Relation("clock", "above", "door")]
    assert Statements("A dog in a park.").singles == {"dog", "park"}


def test_colours_that_border_on_each_other_do_not_differ():
    assert differ(families("red"), families("blue"))
    assert not differ(families("teal"), families("blue"))
    assert not differ(families("maroon"), families("brown"))
    assert not differ(families("red"), families("orange"))
    assert families("cream-coloured") == families("cream")
    assert families("table-top") == families("table") == frozenset()
    for word in FAMILIES:
        assert not differ(families(word), families(word))


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=120), st.text(max_size=200))
def test_no_text_contradicts_itself_or_breaks_the_rules(one, other):
    assert found(one, one) == []
    assert all(code in CONTRADICTED for code in found(one, other))


_WORDS = sorted(
    word_set("two three a dogs dog red blue car left right of the no without on under above cat and . , both one")
)
_PHRASE = st.lists(st.sampled_from(_WORDS), max_size=25).map(" ".join)


@settings(deadline=None, max_examples=300)
@given(_PHRASE)
def test_nothing_made_of_these_words_contradicts_itself(text):
    assert [code for code in found(text, text) if code != "relation_contradicted"] == []

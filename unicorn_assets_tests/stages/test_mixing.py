"""The recipe's mix over topic, task and length: who is taken, what is told, and what is asked for."""

import numpy as np
import pytest
from pydantic import ValidationError

from unicorn_assets import recipe as recipes
from unicorn_assets.curation.decisions import ids_of
from unicorn_assets.errors import RecipeError
from unicorn_assets.identity import sample_id
from unicorn_assets.mix import Mix
from unicorn_assets.stages.candidates import NO_TOPIC, Candidates, Corpus
from unicorn_assets.stages.mixing import meet


def corpus(seed=1, rows=120):
    """Captions of 40 to 99 words, half of them of three topics, and dialogs about a half of them."""
    draw = np.random.default_rng(seed)
    ids = ids_of(sorted(sample_id(f"seed {number}") for number in range(rows)))
    numbers = {one: int(one, 16) for one in ids.astype(str)}

    def table(chosen, task):
        topics = [numbers[one] % 6 if numbers[one] % 6 < 3 else NO_TOPIC for one in chosen.astype(str)]
        words = [40 + numbers[one] % 60 for one in chosen.astype(str)]
        tasks = [task(numbers[one]) for one in chosen.astype(str)]
        order = draw.permutation(len(chosen))
        columns = (np.asarray(topics, np.int32), np.asarray(tasks, np.int8), np.asarray(words, np.int32))
        return Candidates(chosen[order], *(column[order] for column in columns))

    tables = {"pretrain": table(ids, lambda _: 0), "instruction": table(ids[::2], lambda number: 1 + number % 3)}
    return Corpus(("birds", "boats", "bread"), (30, 30, 30), rows, tables)


def mix(*wanted, **more):
    return Mix.model_validate({"wanted": list(wanted)} | more)


def met(wanted, found=None):
    found = found or corpus()
    stay = {table: np.ones(len(one.ids), bool) for table, one in found.tables.items()}
    return meet(wanted, found, stay), found


def left(mixed):
    return {(row["id"], row["table"]) for row in mixed.decided.to_pylist()}


def everything(found):
    return {(one, table) for table, rows in found.tables.items() for one in rows.ids.astype(str)}


def test_topic_task_and_length_are_parts_of_one_mix():
    wanted = mix(
        {"topic": "Birds", "task": "pretrain", "share": 0.25},
        {"task": "multiple_choice", "words": "40-69", "share": 0.25},
        {"words": "70-", "share": 0.5},
    )
    mixed, found = met(wanted)
    assert mixed.met
    pretrain, instruction = found.tables["pretrain"], found.tables["instruction"]
    out = left(mixed)
    taken = {
        table: np.asarray([(one, table) not in out for one in rows.ids.astype(str)])
        for table, rows in found.tables.items()
    }
    birds = int((taken["pretrain"] & (pretrain.topics == 0)).sum())
    short = int((taken["instruction"] & (instruction.tasks == 1) & (instruction.words < 70)).sum())
    size = sum(int(mask.sum()) for mask in taken.values())
    told = mixed.parts["Birds, pretrain"]
    assert told["selected"] == round(size / 4)
    assert birds >= told["selected"]  # others are long, and belong there
    assert abs(short - size / 4) < 1
    assert abs(told["after"] - 0.25) < 1 / size
    assert {name: one["selected"] for name, one in mixed.parts.items()} == {
        "Birds, pretrain": told["selected"],
        "multiple_choice, 40-69 words": short,
        "70- words": size - told["selected"] - short,
    }


def test_who_is_taken_does_not_depend_on_the_order_of_the_rows():
    wanted = mix({"topic": "boats", "share": 0.5}, {"share": 0.5}, total=40)
    first, found = met(wanted)
    assert len(everything(found)) - len(left(first)) == 40
    for seed in (2, 3):
        assert left(met(wanted, corpus(seed))[0]) == left(first)


def test_more_of_the_same_mix_only_adds():
    small, _ = met(mix({"topic": "boats", "share": 0.5}, {"share": 0.5}, total=20))
    large, _ = met(mix({"topic": "boats", "share": 0.5}, {"share": 0.5}, total=40))
    assert left(large) < left(small)


def test_what_is_withdrawn_gives_its_place_to_the_next_and_moves_no_other():
    wanted = mix({"topic": "boats", "share": 0.5}, {"share": 0.5}, total=40)
    found = corpus()
    before = everything(found) - left(met(wanted, found)[0])
    gone = min(before)
    stay = {
        table: np.asarray([(one, table) != gone for one in rows.ids.astype(str)])
        for table, rows in found.tables.items()
    }
    after = everything(found) - {gone} - left(meet(wanted, found, stay))
    assert len(after) == len(before) == 40
    assert before - after == {gone}


def test_what_fits_no_part_is_the_rest_or_left_out():
    without, found = met(mix({"task": "pretrain", "share": 1.0}))
    assert {table for _, table in left(without)} == {"instruction"}
    assert {row["detail"] for row in without.decided.to_pylist()} == {"no part of the mix"}
    half, _ = met(mix({"task": "pretrain", "share": 0.5}))
    assert half.parts["all else"]["after"] == 0.5
    assert len(everything(found)) - len(left(half)) == 120


def test_a_mix_that_cannot_be_met_says_what_is_missing():
    wanted = mix({"topic": "trains", "task": "pretrain", "share": 0.2}, {"topic": "birds", "share": 0.8}, total=1_000)
    mixed, found = met(wanted)
    birds = sum(int((rows.topics == 0).sum()) for rows in found.tables.values())
    assert not mixed.met
    assert mixed.parts["trains, pretrain"] == {
        "wanted": 0.2, "before": 0.0, "after": 0.0, "candidates": 0, "selected": 0, "missing": 200
    }  # fmt: skip
    assert mixed.requests == [
        {"topic": "trains", "task": "pretrain", "words": None, "rows": 200, "seeds": None},
        {"topic": "birds", "task": None, "words": None, "rows": 800 - birds, "seeds": -(-(800 - birds) * 30 // birds)},
    ]


def test_an_empty_corpus_is_missing_everything():
    nothing = Candidates(ids_of([]), np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0, np.int32))
    mixed, _ = met(mix({"share": 1.0}, total=5), Corpus((), (), 0, {"pretrain": nothing, "instruction": nothing}))
    assert (len(mixed.decided), mixed.met) == (0, False)
    assert mixed.requests[0]["rows"] == 5


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ([{"share": 0.6}, {"task": "pretrain", "share": 0.6}], "add up to 1.2"),
        ([{"topic": "Birds", "share": 0.1}, {"topic": "birds", "share": 0.1}], "given twice"),
        ([{"words": "70-40", "share": 0.1}], "ends before it begins"),
        ([{"words": "long", "share": 0.1}], "LEAST-MOST"),
        ([{"task": "captions", "share": 0.1}], "pretrain"),
        ([{"share": 0.0}], "greater than 0"),
    ],
)
def test_a_mix_that_means_nothing_is_refused(wanted, says):
    with pytest.raises(ValidationError, match=says):
        mix(*wanted)


def test_tenths_add_up_to_one():
    assert mix(*({"topic": f"t{number}", "share": 0.1} for number in range(10))).rest == 0


def test_a_total_without_a_mix_is_refused_by_key(recipe):
    table = recipe.model_dump() | {"mix": {"total": 5}}
    with pytest.raises(ValidationError, match="no part of a mix"):
        recipes.Recipe.model_validate(table)
    text = recipes.dump(recipe).replace("[mix]\n", "[mix]\ntotal = 5\n")
    with pytest.raises(RecipeError, match=r"mix: total is given"):
        recipes.parse(text, where="mine", base=recipes.CHECKOUT)

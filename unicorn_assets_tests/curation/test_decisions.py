"""Decisions over the whole corpus: one a row, whoever speaks first, whatever the order of what was found."""

import random

import numpy as np
import pyarrow as pa

from unicorn_assets.curation.decisions import SCHEMA, Leaving, ids_of, merged, table_of
from unicorn_assets.identity import sample_id

IDS = sorted(sample_id(f"seed {number}") for number in range(6))


def decision(number, reason, table="pretrain", **more):
    return {"id": IDS[number], "table": table, "reason": reason, **more}


def test_of_two_rules_the_first_gives_the_reason():
    near = table_of([decision(2, "near_duplicate", evidence=IDS[1]), decision(0, "near_duplicate")])
    found = merged([table_of([decision(2, "contaminated", detail="13 words")]), near])
    assert found.schema == SCHEMA
    assert [(row["id"], row["reason"], row["detail"], row["evidence"]) for row in found.to_pylist()] == [
        (IDS[0], "near_duplicate", "", ""),
        (IDS[2], "contaminated", "13 words", ""),
    ]


def test_tables_are_decided_apart():
    found = merged(
        [table_of([decision(1, "near_duplicate", "pretrain"), decision(1, "near_duplicate", "instruction")])]
    )
    assert found["table"].to_pylist() == ["instruction", "pretrain"]


def test_the_order_in_which_they_were_found_changes_nothing():
    rows = [decision(number, reason, detail=detail) for number in range(6) for reason in "ab" for detail in "yx"]
    expected = merged([table_of(rows)])
    assert expected["reason"].to_pylist() == ["a"] * 6
    assert expected["detail"].to_pylist() == ["x"] * 6
    for seed in range(5):
        assert merged([table_of(random.Random(seed).sample(rows, len(rows)))]).equals(expected)


def test_what_stays_is_told_by_table():
    leaving = Leaving.of(merged([table_of([decision(3, "a"), decision(1, "a"), decision(2, "a", "instruction")])]))
    assert leaving.stays("pretrain", ids_of(IDS)).tolist() == [True, False, True, False, True, True]
    assert leaving.stays("instruction", ids_of(IDS)).tolist() == [True, True, False, True, True, True]
    assert leaving.stays("pretrain", ids_of([])).tolist() == []


def test_without_decisions_everything_stays():
    nothing = merged([])
    assert (nothing.schema, len(nothing)) == (SCHEMA, 0)
    assert Leaving.of(nothing).stays("pretrain", ids_of(pa.array(IDS))).all()
    assert np.array_equal(ids_of(pa.array(IDS)), np.asarray(IDS, "S20"))

"""What shards took, dealt out: every sum stays what it was, however often they are moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.identity import sample_id, shard_number
from unicorn_assets.lake.sidecar import Run, Sidecar
from unicorn_assets.stages.sharing import COUNTS, Flow, Shares, unspent

NUMBERS = st.integers(1, 12)


def flow_of(before, after, seeds=50):
    flow, ids = Flow(before, after), [sample_id(f"seed {number}") for number in range(seeds)]
    old, new = (np.array([shard_number(one, shards) for one in ids], np.int64) for shards in (before, after))
    flow.count(old, new)
    return flow, list(zip(old.tolist(), new.tolist(), strict=True))


def made(number, **metrics):
    run = Run(
        run_id=f"run-{number}", started=f"2026-01-0{number + 1}T00:00:00", seconds=1.5, host="h", version="1", attempt=1
    )
    return Sidecar(
        lake_version=1,
        stage="expanded_captions",
        shard=f"shard-{number:04d}",
        fingerprint="f",
        fields={},
        inputs={},
        produced={},
        rows_in=0,
        rows_out=0,
        rejected={},
        not_selected={},
        files={},
        checks=[],
        metrics=metrics,
        run=run,
    )


@given(NUMBERS, NUMBERS, st.integers(0, 10**9))
def test_parts_follow_the_seeds_and_add_up(before, after, total):
    flow, pairs = flow_of(before, after)
    for old in range(before):
        parts = {new: flow.part(old, new, total) for new in flow.targets(old)}
        assert sum(parts.values()) == total
        seeds = [new for one, new in pairs if one == old]
        for new in set(seeds):
            assert abs(parts[new] - total * seeds.count(new) / len(seeds)) < 1
    assert {(old, new) for old, new in pairs} <= {(o, n) for o in range(before) for n in flow.targets(o)}
    assert all(old in flow.sources(new) for old in range(before) for new in flow.targets(old))


def test_a_shard_without_seeds_gives_what_it_took_to_the_first():
    flow = Flow(1, 3)
    assert [flow.part(0, new, 7) for new in range(3)] == [7, 0, 0]


@given(NUMBERS, NUMBERS)
def test_sums_over_all_shards_stay(before, after):
    flow, _ = flow_of(before, after)
    shards = {
        number: made(
            number,
            **{name: 7 * number + 3 for name in COUNTS},
            device_seconds=0.123 * number,
            cost={"currency": "EUR", "money": 0.000123 * number, "money_per_row": 1.0},
        )
        for number in range(before)
    }
    shares = Shares(shards, flow)
    told = [shares.metrics(new, 10) for new in range(after)]
    for name in COUNTS:
        assert sum(one[name] for one in told) == sum(one.metrics[name] for one in shards.values())
    assert sum(one["device_seconds"] for one in told) == pytest.approx(
        sum(one.metrics["device_seconds"] for one in shards.values()), abs=1e-9
    )
    money = sum(one.metrics["cost"]["money"] for one in shards.values())
    assert sum(one["cost"]["money"] for one in told) == pytest.approx(money, abs=1e-9)
    assert all(one["cost"]["money_per_row"] == pytest.approx(one["cost"]["money"] / 10, abs=1e-8) for one in told)
    assert sum(shares.run(new).seconds for new in range(after)) == pytest.approx(1.5 * before)


def test_currencies_are_not_added_up():
    flow, _ = flow_of(3, 1)
    cost = [{"currency": "USD", "money": 2.0}, {"currency": "EUR", "money": 1.0}]
    shards = {0: made(0, cost=cost[0]), 1: made(1, cost=cost[1]), 2: made(2, cost=cost[0], other_costs={"EUR": 0.5})}
    told = Shares(shards, flow).metrics(0, 0)
    assert told["cost"] == {"currency": "EUR", "money": 1.5}
    assert told["other_costs"] == {"USD": 4.0}


def test_the_youngest_run_stands_for_all_and_all_are_named():
    flow, _ = flow_of(3, 1)
    shards = {0: made(0), 1: made(1, moved={"from_shards": 9, "runs": ["a", "b"]}), 2: made(2, engine_log="/log")}
    shares = Shares(shards, flow)
    assert shares.run(0).run_id == "run-2"
    assert shares.run(0).seconds == 4.5
    told = shares.metrics(0, 5)
    assert told == {"engine_log": "/log", "moved": {"from_shards": 3, "runs": ["a", "b", "run-0", "run-2"]}}


def test_what_all_say_alike_stays_and_the_rest_is_told_anew():
    shards = [made(0, dimension=4, requests=3, mean=1.0, odd=1), made(1, dimension=4, requests=4, mean=2.0)]
    assert unspent(shards, {"mean": 1.5}) == {"dimension": 4, "mean": 1.5}

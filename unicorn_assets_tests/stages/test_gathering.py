"""Asking for many shards at once: enough in flight, few stores open, nothing asked twice, nothing lost."""

import pytest

from unicorn_assets.engines.base import Answer
from unicorn_assets.engines.store import AnswerReader, AnswerStore
from unicorn_assets.errors import BusyError, EngineError
from unicorn_assets.identity import shard_name, shard_names, shard_number
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages import stores
from unicorn_assets.stages.alignment import _together
from unicorn_assets.stages.asking import Asked, gathered
from unicorn_assets.stages.captions import EXPANDED_CAPTIONS
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.stores import Stores
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.engines.dummy_server import DummyServer
from unicorn_assets_tests.engines.served import MODEL, engine, rows

STAGE, SHARDS = "expanded_captions", 12


class Breaking:
    """An engine that gives some answers and then can do no more."""

    def __init__(self, answers):
        self.model, self.left, self.asked = MODEL, answers, []

    def generate(self, requests):
        held = []
        for request in requests:
            self.asked.append(request.id)
            held.append(request)
            if len(held) < 5 and self.left > 5:
                continue  # some are in flight while others are sent
            if not self.left:
                raise EngineError("The server is gone.", "start it.")
            self.left -= 1
            yield held[0], Answer(f"caption of {held.pop(0).id}", "stop", 3, 4)
        for request in held:
            yield request, Answer(f"caption of {request.id}", "stop", 3, 4)

    def close(self):
        """Nothing is held."""


def shard_of(request):
    return shard_name(shard_number(request.id, SHARDS))


def gather(home, recipe, engine, count=60, shards=None):
    tools, asked = Tools(home, recipe, make_engine=lambda *_: engine), Asked()
    shards = shards or dict.fromkeys(shard_names(SHARDS), False)
    wanted = rows(count)
    found = gathered(
        tools, STAGE, shards, shard_of, lambda: wanted, asked=asked, total=count, progress=lambda done, total: None
    )
    return list(found), asked


@pytest.fixture(autouse=True)
def few_stores(monkeypatch):
    monkeypatch.setattr(stores, "MOST", 3)


def test_answers_come_in_the_order_of_the_requests_each_from_its_own_shard(home, recipe):
    home.prepare()
    found, asked = gather(home, recipe, Breaking(1000))
    assert [request.id for request, _ in found] == [request.id for request in rows(60)]
    assert all(answer.text == f"caption of {request.id}" for request, answer in found)
    assert (asked.requests, asked.reused) == (60, 0)
    for shard in shard_names(SHARDS):
        with AnswerReader(home.answers(STAGE, shard)) as store:
            mine = [request for request in rows(60) if shard_of(request) == shard]
            assert len(store) == len(mine) == sum(request.key(MODEL) in store for request in mine)


def test_what_was_answered_before_the_engine_failed_is_not_asked_again(home, recipe):
    home.prepare()
    broken = Breaking(23)
    with pytest.raises(EngineError):
        gather(home, recipe, broken)
    found, asked = gather(home, recipe, whole := Breaking(1000))
    assert (asked.requests, asked.reused) == (60 - 23, 23)
    assert len(whole.asked) == len(set(whole.asked)) == 37
    assert len(found) == 60
    assert gather(home, recipe, Breaking(0))[1].reused == 60


def test_few_stores_stay_open_and_none_is_closed_that_waits_for_an_answer(home):
    home.prepare()
    with Stores(home, STAGE, shard_names(SHARDS), most=3) as opened:
        first = opened["shard-0000"]
        opened.hold("shard-0000")
        for shard in opened:
            assert len(opened[shard]) == 0
        assert len(opened._open) == 3
        assert opened["shard-0000"] is first
        for shard in opened:
            opened[shard]
            opened.hold(shard)
        assert len(opened._open) == SHARDS, "all wait for an answer"
        for shard in (*opened, "shard-0000"):
            opened.landed(shard)
        opened["shard-0005"], opened["shard-0006"]
        assert len(opened._open) == SHARDS, "there is room enough for what is open already"
        with pytest.raises(KeyError):
            opened["shard-0099"]
    assert not opened._open
    with Stores(home, STAGE, shard_names(SHARDS)) as again:
        assert len(again) == len(list(again)) == SHARDS


def test_a_store_that_another_one_has_open_is_named(home, recipe, monkeypatch):
    home.prepare()
    monkeypatch.setattr(AnswerStore.__init__, "__kwdefaults__", {"wait_seconds": 0.1})
    with AnswerStore(home.answers(STAGE, "shard-0004")), pytest.raises(BusyError, match="shard-0004"):
        gather(home, recipe, Breaking(1000))


def test_no_more_shards_are_asked_for_together_than_keep_a_server_busy():
    sizes = {"a": 70, "b": 10, "c": 60, "d": 5}
    assert list(_together({shard: range(size) for shard, size in sizes.items()})) == [["a"], ["b", "c"], ["d"]]
    assert list(_together({})) == []


def test_the_calibration_sample_is_asked_for_over_all_shards_at_once(home, recipe):
    chosen = recipe.model_copy(update={"shards": 30, "alignment": recipe.alignment.model_copy(update={"sample": 30})})
    home.prepare()
    home.adopt(chosen)
    with DummyServer(delay=0.3) as server:
        tools = Tools(
            home,
            chosen,
            make_engine=lambda *_: engine(server.base_url, max_in_flight=64),
            make_encoder=lambda _: HashEncoder(),
        )
        try:
            stages = graph(chosen)
            make(stages["seed_sources"], tools, ALL, graph=stages, run_id="test")
            fitted = make(stages["modality_alignment"], tools, ALL, graph=stages, run_id="test").sidecar
            of_a_shard = max(
                sum(row["shard"] == shard for row in read_rows(home.lake.rows("modality_alignment", ALL), ["shard"]))
                for shard in shard_names(30)
            )
            assert fitted.metrics["requests"] == 30
            assert of_a_shard <= 5
            assert server.application.peak >= 12 > 2 * of_a_shard
            for shard in shard_names(30):
                make(stages["caption_seeds"], tools, shard, graph=stages, run_id="test")
                make(EXPANDED_CAPTIONS, tools, shard, graph=stages, run_id="test")
        finally:
            tools.close()
        asked = {row: count for row, count in server.counts.items() if row != "plain"}
        assert len(asked) == sum(home.lake.need("caption_seeds", shard).rows_out for shard in shard_names(30)) == 60
        assert set(asked.values()) == {1}

"""The budget and the books: what stops an asking and where, what is counted over processes, kills and restarts."""

import time

import pytest

from unicorn_assets import ledger, settings
from unicorn_assets import recipe as recipes
from unicorn_assets.cli import status
from unicorn_assets.engines.store import AnswerReader
from unicorn_assets.errors import BudgetError, RecipeError
from unicorn_assets.home import Home
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.ledger import Amount, Entry, Figures, Limits
from unicorn_assets.settings import Prices
from unicorn_assets.stages import books, budget
from unicorn_assets.stages.captions import expansion_request
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.engines.dummy_faults import Fault
from unicorn_assets_tests.engines.dummy_server import DummyServer
from unicorn_assets_tests.engines.served import make_shard, rows
from unicorn_assets_tests.engines.store_answers import PROCESSES

SEEDS, FIRST, SECOND = 240, "shard-0000", "shard-0001"
SOURCES = ("seed_sources", "caption_seeds")
STAGE = "expanded_captions"


@pytest.fixture
def served(tmp_path):
    """A recipe of two shards with 240 seeds."""
    path = tmp_path / "seeds.txt"
    path.write_text("".join(f"A brown dog with {n} spots stands on a wide beach.\n" for n in range(SEEDS)))
    return recipes.adjusted(recipes.load("demo"), seeds=[path], shards=2, engine="openai", model="dummy")


@pytest.fixture
def server():
    with DummyServer() as running:
        yield running


def prepared(home, recipe, **limits):
    home.prepare()
    if limits:
        settings.update(home.path, "budget", **limits)
    for shard in (FIRST, SECOND):
        make_shard(home.path, recipe, "http://127.0.0.1:9/v1", SOURCES, shard)


def expand(home, recipe, server, shard=FIRST):
    make_shard(home.path, recipe, server.base_url, (STAGE,), shard)


def standing(home):
    return budget.standing(home, settings.load(home.path))


def tokens(home):
    used = standing(home).spent
    return used.prompt_tokens + used.completion_tokens


def in_stores(home):
    """Answers and tokens that the stores hold."""
    found = [0, 0]
    for shard in (FIRST, SECOND):
        with AnswerReader(home.answers(STAGE, shard)) as store:
            answers, prompt, completion = store.usage()
        found = [found[0] + answers, found[1] + prompt + completion]
    return found


def largest(recipe, home):
    tools = Tools(home, recipe)
    seeds = read_rows(home.lake.rows("caption_seeds", FIRST))
    return max(books.most(expansion_request(row["id"], row["seed"], tools), Prices()).tokens for row in seeds)


def test_without_a_budget_everything_is_counted_and_nothing_stopped(home, served, server):
    prepared(home, served)
    expand(home, served, server)
    assert [standing(home).spent.answers, tokens(home)] == in_stores(home)
    assert standing(home).has_room
    assert standing(home).lines[0].startswith("Spent in this HOME: ")
    assert len(standing(home).lines) == 1


def test_in_the_middle_of_a_shard_it_stops_below_the_limit_and_goes_on_when_raised(home, served, server):
    prepared(home, served, tokens=20_000)
    with pytest.raises(BudgetError, match=rf"of 20,000 tokens .* {STAGE} \[{FIRST}\] has \d+ of \d+ answers") as caught:
        expand(home, served, server)
    assert not caught.value.retryable
    assert "budget" in caught.value.cure
    answers, spent = in_stores(home)
    assert 0 < answers < SEEDS / 2
    assert spent == tokens(home) <= 20_000
    assert spent + largest(served, home) + 100 > 20_000, "it stopped although the next one would have found room"
    assert not standing(home).has_room
    asked = dict(server.counts)
    with pytest.raises(BudgetError):
        expand(home, served, server)
    assert dict(server.counts) == asked, "something was sent although the budget was used up"
    settings.update(home.path, "budget", tokens=10_000_000)
    assert standing(home).has_room
    expand(home, served, server)
    assert set(server.counts.values()) == {1}, "an answer was asked for twice"
    assert home.lake.need(STAGE, FIRST).metrics["answers_reused"] == answers
    assert tokens(home) == in_stores(home)[1]


def test_a_budget_below_what_is_spent_lets_nothing_through(home, served, server):
    prepared(home, served)
    expand(home, served, server)
    asked = sum(server.counts.values())
    settings.update(home.path, "budget", tokens=5)
    with pytest.raises(BudgetError, match=r"has 0 of"):
        expand(home, served, server, SECOND)
    assert sum(server.counts.values()) == asked
    assert "used up" in standing(home).lines[1]
    expand(home, served, server)  # what stands needs no room


def test_money_is_counted_by_the_prices_and_stops(home, served, server):
    prepared(home, served)
    settings.update(home.path, "prices", prompt_million=1000.0, completion_million=4000.0)
    settings.update(home.path, "budget", money=20.0)
    with pytest.raises(BudgetError, match=r"of 20 USD"):
        expand(home, served, server)
    used = standing(home).spent
    assert used.money == pytest.approx(used.prompt_tokens / 1e3 + used.completion_tokens * 4 / 1e3)
    assert 5 < used.money <= 20.0


def test_a_money_budget_without_any_price_is_refused_and_a_price_of_0_never_stops(home, served, server):
    prepared(home, served)
    with pytest.raises(RecipeError, match=r"budget\.money is set and no price is"):
        settings.update(home.path, "budget", money=1.0)
    settings.update(home.path, "prices", prompt_million=0.0, completion_million=0.0)
    settings.update(home.path, "budget", money=0.0)
    expand(home, served, server)
    assert home.lake.need(STAGE, FIRST).rows_out > 0


def test_what_was_spent_before_there_were_prices_gets_its_money_by_the_first_ones(home, served, server):
    prepared(home, served)
    expand(home, served, server)
    assert standing(home).spent.money is None
    settings.update(home.path, "prices", prompt_million=2.0)
    first = standing(home).spent
    assert first.money == pytest.approx(first.prompt_tokens * 2 / 1e6)
    settings.update(home.path, "prices", prompt_million=50.0)
    assert standing(home).spent.money == pytest.approx(first.money), "what had a price was reckoned anew"


def test_hours_stop_an_asking(home, served):
    prepared(home, served, hours=0.5 / 3600)
    with DummyServer(delay=0.1) as slow, pytest.raises(BudgetError, match="hours"):
        expand(home, served, slow)
    assert 0.5 <= standing(home).spent.seconds < 10
    assert 0 < in_stores(home)[0] < SEEDS / 2


def test_a_server_that_reports_no_usage_is_counted_by_length(home, served):
    prepared(home, served, tokens=40_000)
    with DummyServer(reports_usage=False) as silent, pytest.raises(BudgetError):
        expand(home, served, silent)
    with AnswerReader(home.answers(STAGE, FIRST)) as store:
        texts = [row["text"] for row in store.journalled(0)]
        assert store.usage() == (0, 0, 0)
    assert len(texts) > 3
    assert sum(len(text) for text in texts) / 3 <= standing(home).spent.completion_tokens
    assert tokens(home) <= 40_000


def test_the_rules_engine_costs_nothing_whatever_the_budget(home, recipe):
    home.prepare()
    settings.update(home.path, "budget", tokens=0)
    materialize(home, recipe)
    assert standing(home).spent == Figures()
    assert budget.used_up(Tools(home, recipe)) == ""


def test_answers_cut_at_their_length_and_the_server_own_questions_are_counted(home, served):
    prepared(home, served)
    with DummyServer(words_end=served.expansion.max_tokens + 1) as short:
        expand(home, served, short)
        bodies = len(short.requests)
    assert bodies > SEEDS / 2 + 50  # each was asked twice
    assert standing(home).spent.prompt_tokens == 100 * bodies


def work(path, recipe, base_url, shard, tell):
    """A step in a process of its own."""
    try:
        make_shard(path, recipe, base_url, (STAGE,), shard)
    except BudgetError:
        tell.send("stopped")
    else:
        tell.send("made")


def started(home, recipe, server, shard):
    here, there = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=work, args=(home.path, recipe, server.base_url, shard, there))
    child.start()
    there.close()
    return child, here


def test_two_processes_share_one_budget(home, served):
    limit = 24_000
    prepared(home, served, tokens=limit)
    with DummyServer(delay=0.02) as server:
        children = [started(home, served, server, shard) for shard in (FIRST, SECOND)]
        assert [told.recv() for _, told in children] == ["stopped", "stopped"]
        for child, _ in children:
            child.join()
        answers, spent = in_stores(home)
        assert sum(server.counts.values()) == answers
    assert spent == tokens(home) <= limit
    assert spent > limit - largest(served, home) - 100
    with ledger.opened(home.state) as found:
        assert found.open() == []


def test_kill_9_loses_no_spending_and_the_rest_is_asked_once(home, served):
    prepared(home, served)
    with DummyServer(delay=0.02) as server:
        for _ in range(3):
            child, _told = started(home, served, server, FIRST)
            enough, deadline = sum(server.counts.values()) + 20, time.monotonic() + 60
            while sum(server.counts.values()) < enough and time.monotonic() < deadline:
                time.sleep(0.002)
            child.kill()
            child.join()
            assert child.exitcode == -9
            answers, spent = in_stores(home)
            used = standing(home).spent
            assert used.answers == answers
            assert spent <= tokens(home) <= spent + (used.lost + 1) * 400
        assert answers > 0
        expand(home, served, server)
    used = standing(home).spent
    assert used.answers == in_stores(home)[0]
    with ledger.opened(home.state) as found:
        assert found.open() == []


def test_the_tail_of_a_killed_process_counts_by_its_journal(home, served, server):
    """An entry of a process that is gone, written before its store's answers came."""
    prepared(home, served)
    server.behaviour.faults = (Fault("400", containing=" 17 spots", times=None),)
    settings.update(home.path, "budget", tokens=20_000)
    with pytest.raises(BudgetError):
        expand(home, served, server)
    answers, spent = in_stores(home)
    home.state.unlink()
    with ledger.opened(home.state) as found:
        number = found.begin(STAGE, gone(), {f"{STAGE}/{FIRST}": 0})
        found.write(Entry(number, "", Figures(), 4, {f"{STAGE}/{FIRST}": 0}), Amount(tokens=9_000))
    used = standing(home).spent
    assert answers <= used.answers <= answers + 1  # the refused one took no tokens
    assert used.lost == 4
    assert tokens(home) == pytest.approx(spent * (1 + 4 / used.answers), rel=0.02)


def gone():
    """A process that lived once."""
    import subprocess
    import sys

    from unicorn_assets.processes import Process

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        written = Process.of(child.pid).written()
        child.kill()
    return written


def test_a_home_that_lost_its_books_begins_them_with_its_answers(home, served, server):
    prepared(home, served)
    expand(home, served, server)
    before = tokens(home)
    home.state.unlink()
    settings.update(home.path, "budget", tokens=before + 3)
    with pytest.raises(BudgetError):
        expand(home, served, server, SECOND)
    assert tokens(home) == before


def test_status_shows_what_was_spent_and_the_budget(home, served, server, monkeypatch, capsys):
    prepared(home, served, tokens=20_000)
    monkeypatch.setattr(Tools, "at", lambda home: Tools(home, served, make_encoder=lambda chosen: HashEncoder()))
    with pytest.raises(BudgetError):
        expand(home, served, server)
    status.status(home, as_json=False)
    shown = capsys.readouterr().out
    assert "Spent in this HOME: " in shown
    assert "of 20,000 tokens" in shown
    assert "It is used up" in shown


def test_the_most_of_a_request_is_more_than_its_answers_took(home, served, server):
    prepared(home, served)
    expand(home, served, server)
    assert books.most(rows(1)[0], Prices(prompt_million=1.0)).money > 0
    with AnswerReader(home.answers(STAGE, FIRST)) as store:
        answers, prompt, completion = store.usage()
    assert largest(served, home) > (prompt + completion) / answers


def test_room_is_shared_out_and_never_promised_twice(tmp_path):
    need, limits = Amount(tokens=100), Limits(tokens=1_000)
    with ledger.opened(tmp_path / "state.sqlite") as found:
        one, other = (Entry(found.begin(STAGE, "host boot 1 1", {}), "", Figures()) for _ in range(2))
        held = found.reserve(one, Amount(), need, limits)
        assert held == Amount(tokens=200)  # a quarter of the room
        assert found.reserve(other, Amount(), need, limits) == Amount(tokens=200)
        assert found.reserve(one, Amount(tokens=700), need, limits) == need
        assert found.reserve(other, Amount(tokens=100), need, limits) == need
        assert found.reserve(one, Amount(tokens=800), need, limits) is None
        found.write(one, Amount(), close=True)
        assert found.reserve(other, Amount(tokens=100), need, limits) is not None
        assert found.reserve(other, Amount(), need, Limits(hours=0.0)) is None


def test_another_home_has_books_of_its_own(tmp_path, home, served, server):
    prepared(home, served)
    expand(home, served, server)
    assert budget.standing(Home(tmp_path / "other"), settings.Settings()).spent == Figures()

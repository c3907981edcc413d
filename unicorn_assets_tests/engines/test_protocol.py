"""What every engine promises, whatever is behind it."""

from collections.abc import Iterator

import pytest

from unicorn_assets.engines.base import Answer, Request
from unicorn_assets.engines.rules.engine import RulesEngine
from unicorn_assets.synthesis.answers import parse_dialog, parse_expansion
from unicorn_assets_tests.engines.served import endless, engine, rows


@pytest.fixture(params=["rules", "openai"])
def opened(request):
    one = RulesEngine() if request.param == "rules" else engine(request.getfixturevalue("server").base_url)
    yield one
    one.close()


def test_every_request_is_answered_once_by_its_own_answer(opened):
    asked = rows(300)
    answers = list(opened.generate(asked))
    assert sorted(request.id for request, _ in answers) == sorted(request.id for request in asked)
    assert all(isinstance(answer, Answer) for _, answer in answers)
    for request, answer in answers:
        caption = parse_expansion(answer.text, answer.finish_reason)
        assert request.source["seed"].split(" with ")[1].split()[0] in caption


@pytest.mark.parametrize("task", ["multiple_choice", "question_answering", "complex_reasoning"])
def test_dialogs_pass_the_parser(opened, task):
    for request, answer in opened.generate(rows(3, task)):
        assert parse_dialog(task, answer.text, request.id, answer.finish_reason).turns


def test_equal_requests_get_equal_answers(opened):
    first, second = ({request.id: answer for request, answer in opened.generate(rows(50))} for _ in range(2))
    assert first == second


def test_nothing_asked_nothing_answered(opened):
    assert list(opened.generate([])) == []


def test_it_reads_no_further_ahead_than_it_has_in_flight(opened):
    read = []

    def watched() -> Iterator[Request]:
        for request in endless():
            read.append(request.id)
            yield request

    answers = opened.generate(watched())
    assert read == []
    taken = [next(answers) for _ in range(500)]
    assert len(read) <= len(taken) + 2 * 256
    answers.close()
    now = len(read)
    assert list(opened.generate(rows(2)))
    assert len(read) == now


def test_an_error_of_the_source_is_the_callers_own(opened):
    def broken() -> Iterator[Request]:
        yield from rows(20)
        raise OSError("the shard cannot be read")

    with pytest.raises(OSError, match="the shard cannot be read"):
        list(opened.generate(broken()))
    assert len(list(opened.generate(rows(2)))) == 2


def test_the_model_names_the_engine(opened):
    assert opened.model.engine in ("rules", "openai")
    assert opened.model == opened.model
    assert opened.model.name


def test_closing_twice_is_fine(opened):
    opened.close()
    opened.close()

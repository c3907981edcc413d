"""What the judge is asked, that text and version change together, and what is read of its answers."""

import hashlib
import json

import jsonschema
import pytest

from unicorn_assets import recipe
from unicorn_assets.curation.wording import WORDINGS
from unicorn_assets.engines.base import REFUSED
from unicorn_assets.engines.rules import RulesEngine
from unicorn_assets.identity import row_seed
from unicorn_assets.synthesis.grading import CRITERIA, SCHEMA, parse, request

SAMPLE = "00112233445566778899"
SEED, CAPTION = "A dog on a beach.", "A brown {dog} stands on a wide beach."
GOOD = '{"faithful": 5, "visual": 4, "specific": 3, "fluent": 2}'
GRADES = {"faithful": 5, "visual": 4, "specific": 3, "fluent": 2}


def ask(seed=SEED, caption=CAPTION):
    return request(SAMPLE, seed, caption, recipe.Sampling(temperature=0.0, top_p=1.0, max_tokens=77))


GOLDEN = {"judged_captions-1": "cb079f1fd806bb4c"}


def test_text_and_schema_change_only_with_the_version():
    asked = ask()
    rendered = json.dumps([[m.role, m.content] for m in asked.messages] + [asked.schema], sort_keys=True)
    digest = hashlib.blake2b(rendered.encode(), digest_size=8).hexdigest()
    assert GOLDEN[asked.prompt_version] == digest, "a new text needs a new version"


def test_seed_and_caption_come_last_and_as_they_are():
    assert ask().messages[-1].content.endswith(f"\nSHORT CAPTION\n{SEED}\n\nCAPTION\n{CAPTION}")
    assert ask().sampling.seed == row_seed(SAMPLE, "judged_captions")
    assert ask().sampling.max_tokens == 77
    assert all(f"- {name}:" in ask().messages[-1].content for name in CRITERIA)


@pytest.mark.parametrize(
    ("text", "reason", "found"),
    [
        (GOOD, "stop", GRADES),
        (f"```json\n{GOOD}\n```", "stop", GRADES),
        (f"<think>fluent: 1</think>{GOOD}", "stop", GRADES),
        ("faithful: 5, visual: 4, specific: 3, fluent: 2", "stop", GRADES),
        ("**Faithful**: 5\n**Visual**: 4\n**Specific**: 3\n**Fluent**: 2", "stop", GRADES),
        ("Faithful: 5. Visual: 4. Specific: 3. Fluent: 2.", "stop", GRADES),
        (GOOD.replace("5", "1") + GOOD, "stop", GRADES),
        (GOOD, "length", GRADES),
        (GOOD.replace("2", "6"), "stop", None),
        (GOOD.replace("2", "2.5"), "stop", None),
        (GOOD.replace("2", "0"), "stop", None),
        ('{"faithful": 5, "visual": 4, "specific": 3}', "stop", None),
        ("I cannot grade that.", "stop", None),
        ("", "stop", None),
        (GOOD, REFUSED, None),
    ],
)
def test_what_is_read_of_an_answer(text, reason, found):
    assert parse(text, reason) == found


def by_rule(seed, caption):
    [(_, answer)] = RulesEngine().generate([ask(seed, caption)])
    jsonschema.validate(json.loads(answer.text), SCHEMA)
    return parse(answer.text, answer.finish_reason)


def test_the_rules_engine_grades_by_the_rules_of_curation():
    seed = "Two brown dogs on a beach."
    good = by_rule(seed, "Two brown dogs stand on a wide beach. Grey waves break behind them under a pale, clear sky.")
    assert (good["faithful"], good["visual"]) == (5, 5)
    assert by_rule(seed, "Three brown dogs stand on a wide beach.")["faithful"] == 1
    assert by_rule(seed, "A cat.")["faithful"] < good["faithful"]
    moody = by_rule(seed, "Two brown dogs stand on a beautiful beach at 5:30 pm, and there is a smell of salt.")
    assert moody["visual"] == 1
    assert by_rule(seed, "Two brown dogs on a beach. " * 8)["fluent"] == 1
    assert any(wording.code == "added_mood" for wording in WORDINGS)

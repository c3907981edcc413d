import json

from unicorn_assets.alerts import message
from unicorn_assets.alerts.groups import Group
from unicorn_assets_tests.alerts.making import alert

WEB = "http://127.0.0.1:3000/"


def group(*alerts, severity="ERROR"):
    return Group("key-1", "ops", severity, 1_790_000_000.0, 1, frozenset(), alerts)


def test_a_line_says_what_failed_where_the_figure_against_its_limit_and_where_to_look():
    assert message.line(alert(1), WEB) == (
        "expanded_captions [shard-0001]: Check no_drift failed: the texts lie where they should. "
        "Found: share 0.31; limit 0.05. http://127.0.0.1:3000/runs/run-1"
    )


def test_figures_are_written_for_people():
    shown = message.figures(alert(figures={"rows": 12000, "worst": 0.0123456789, "cut": True, "min_words": 40}))
    assert shown == "rows 12,000, worst 0.0123457, cut yes; min_words 40"
    assert message.figures(alert(figures={})) == ""


def test_a_summary_counts_by_kind_and_names_the_place_where_there_is_one():
    assert message.summary(group(alert(1))) == "ERROR: 1 check failed on expanded_captions [shard-0001]"
    many = group(alert(1), alert(2), alert(3, kind="resolved"), alert(4, kind="run_failed"), severity="WARN")
    assert message.summary(many) == "WARN: 2 checks failed, 1 run failed, 1 check resolved on expanded_captions"
    assert message.summary(group(alert(1), alert(2, asset="release"))) == "ERROR: 2 checks failed"
    assert message.summary(group(alert(asset="", shard="", kind="run_failed"))) == "ERROR: 1 run failed"
    assert message.summary(group(alert(kind="gave_up"))) == "ERROR: 1 shard given up on expanded_captions [shard-0000]"


def test_a_chat_gets_what_a_person_reads_and_the_rest_by_name():
    text = message.chat(group(*(alert(number) for number in range(100))), WEB)
    assert text.count("•") == 20
    assert "and 80 more: expanded_captions [shard-0020]" in text
    huge = message.chat(group(*(alert(number, what="x" * 1000) for number in range(100))), WEB)
    assert len(huge) == message.LONGEST_CHAT


def test_lines_of_others_do_not_break_ours():
    text = message.chat(group(alert(what="one\nERROR: forged\r\n2")), WEB)
    assert len(text.splitlines()) == 2


def test_programs_get_every_field_of_every_alert():
    table = json.loads(message.json_text(message.table(group(alert(1, what="Größe 图像"), alert(2)), WEB)))
    assert {name: table[name] for name in ("format", "key", "route", "severity")} == {
        "format": 1,
        "key": "key-1",
        "route": "ops",
        "severity": "ERROR",
    }
    assert table["alerts"][0] == {
        "id": "run-1:7",
        "kind": "check_failed",
        "severity": "ERROR",
        "asset": "expanded_captions",
        "shard": "shard-0001",
        "check": "no_drift",
        "what": "Größe 图像",
        "figures": {"limit": 0.05, "share": 0.31},
        "run_id": "run-1",
        "run_url": "http://127.0.0.1:3000/runs/run-1",
        "when": "2026-09-21T14:13:21.000+00:00",
    }

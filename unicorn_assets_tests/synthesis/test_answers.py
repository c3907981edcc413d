"""Raw answers, well formed and not, and what becomes of them."""

import hashlib
import json
from collections import Counter
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.curation.wording import SOURCE_LEAK
from unicorn_assets.engines.base import DialogTask
from unicorn_assets.identity import sample_id
from unicorn_assets.synthesis.answers import (
    LETTERS,
    PARSER_VERSION,
    Dialog,
    InvalidAnswer,
    InvalidReason,
    Turn,
    parse_dialog,
    parse_expansion,
)
from unicorn_assets.synthesis.raw import LONGEST_ANSWER, LONGEST_RESCUE

SAMPLE = "00112233445566778899"
TASKS = get_args(DialogTask)
CAPTION = "A brown dog stands on a wide beach. Small waves run over the pale sand."


def pair(n, task="question_answering"):
    plain = {"question": f"What is thing {n}?", "answer": f"It is right {n}."}
    return plain | {"distractors": [f"Wrong {n} {k}" for k in "xyz"]} if task == "multiple_choice" else plain


def dialog(task="question_answering", count=None):
    return {"pairs": [pair(n, task) for n in range(count or (3 if task == "complex_reasoning" else 6))]}


def changed(task, **fields):
    value = dialog(task)
    value["pairs"][1] |= fields
    return json.dumps(value)


def reason(call, *args, **kwargs):
    with pytest.raises(InvalidAnswer) as caught:
        call(*args, **kwargs)
    assert caught.value.detail
    caught.value.detail.encode()
    return caught.value.reason


def dialog_reason(text, task="question_answering", **kwargs):
    return reason(parse_dialog, task, text, SAMPLE, **kwargs)


EXPANSIONS = {
    CAPTION: CAPTION,
    f"  {CAPTION}\n": CAPTION,
    CAPTION.replace(". ", ".\n\n"): CAPTION,
    f'"{CAPTION}"': CAPTION,
    f"“{CAPTION}”": CAPTION,
    f"'{CAPTION}'": CAPTION,
    f"**{CAPTION}**": CAPTION,
    f'*"{CAPTION}"*': CAPTION,
    f"```\n{CAPTION}\n```": CAPTION,
    f"```text\n{CAPTION}```": CAPTION,
    f"<think>Sand? Yes.</think>\n{CAPTION}": CAPTION,
    f"Sand? Yes.</think>{CAPTION}": CAPTION,
    f"Here is the expanded caption:\n\n{CAPTION}": CAPTION,
    f"Sure! Here's a detailed description of the scene: {CAPTION}": CAPTION,
    f'**Expanded caption:** "{CAPTION}"': CAPTION,
    f"Caption: {CAPTION}": CAPTION,
    'A sign says "Open" and another "Closed"': 'A sign says "Open" and another "Closed"',
    "'Stop' stands on one sign and on the other 'Go'": "'Stop' stands on one sign and on the other 'Go'",
    "A shop with one sign: fresh bread.": "A shop with one sign: fresh bread.",
    "Two rows; a dog's bowl – and a café, 3 chairs.": "Two rows; a dog's bowl – and a café, 3 chairs.",
}


@pytest.mark.parametrize(("text", "caption"), EXPANSIONS.items())
def test_expansion_keeps_the_caption_alone(text, caption):
    assert parse_expansion(text) == caption


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ('""', "empty"),
        ("<think>so</think>", "empty"),
        ("Here is the caption:", "empty"),
        ("<think>A dog on a beach could", "unfinished_thinking"),
        ("I'm sorry, but I cannot help with that.", "refusal"),
        ("I cannot see the image.", "refusal"),
        ("- A dog\n- A beach", "not_prose"),
        ("1. A dog stands.\n2. Waves run.", "not_prose"),
        ("# A dog\nA dog stands on a beach.", "not_prose"),
        ("A **brown** dog stands on a beach.", "not_prose"),
        ("A *brown* dog stands on a beach.", "not_prose"),
        ("A <b>brown</b> dog.", "not_prose"),
        ('{"caption": "A dog."}', "not_prose"),
        ("A dog stands there.\n\nNote: I kept every word.", "not_prose"),
        ("A dog stands there. (Word count: 98)", "not_prose"),
        ("A dog looks at <image> there.", "image_token"),
        ("A dog.<|im_end|>", "image_token"),
        ("A dog.</s>", "image_token"),
        ("A dog [INST] there.", "image_token"),
        ("A dog\x00 there.", "bad_characters"),
        ("A caf\ufffd there.", "bad_characters"),
        ("A dog \ud800 there.", "bad_characters"),
        ("x" * (LONGEST_ANSWER + 1), "too_large"),
    ],
)
def test_expansion_refuses(text, expected):
    assert reason(parse_expansion, text) == expected


def test_expansion_that_ran_out_of_room_is_refused():
    assert reason(parse_expansion, CAPTION, finish_reason="length") == "cut_off"


@pytest.mark.parametrize("task", TASKS)
def test_well_formed_dialog_round_trips(task):
    value = dialog(task)
    parsed = parse_dialog(task, json.dumps(value), SAMPLE)
    assert not parsed.repaired
    assert [turn.question for turn in parsed.turns] == [pair["question"] for pair in value["pairs"]]
    for turn, given_pair in zip(parsed.turns, value["pairs"], strict=True):
        if task == "multiple_choice":
            assert turn.options[LETTERS.index(turn.answer)] == given_pair["answer"]
            assert sorted(turn.options) == sorted([given_pair["answer"], *given_pair["distractors"]])
        else:
            assert turn == Turn(given_pair["question"], given_pair["answer"])


plain_text = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(plain_text, plain_text), min_size=6, max_size=8, unique_by=lambda p: p[0].lower()))
def test_any_well_formed_dialog_round_trips(pairs):
    pairs = [(f"What is {n} {question}?", f"It is {answer}") for n, (question, answer) in enumerate(pairs)]
    if any(SOURCE_LEAK.search(text) for one in pairs for text in one):
        return
    text = json.dumps({"pairs": [{"question": question, "answer": answer} for question, answer in pairs]})
    parsed = parse_dialog("question_answering", text, SAMPLE)
    assert [(turn.question, turn.answer) for turn in parsed.turns] == pairs


PIECES = """{"pairs": [|{"question": "What?"|, "answer": "A dog"}|"distractors": ["a"|]|}|,|"|<think>|</think>|```json
|```|<image>|\ud800|\x00|Here is the caption:|**|'|\\|NaN|9999999999999999999999999999"""
fragments = st.sampled_from(PIECES.split("|"))


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.text(), st.lists(st.one_of(fragments, st.text(max_size=5)), max_size=30).map("".join)))
def test_any_text_gives_a_value_or_a_refusal(text):
    reasons = []
    for task in TASKS:
        try:
            assert isinstance(parse_dialog(task, text, SAMPLE), Dialog)
        except InvalidAnswer as invalid:
            reasons.append(invalid.reason)
    try:
        caption = parse_expansion(text)
        caption.encode()
        assert caption == " ".join(caption.split()) != ""
    except InvalidAnswer as invalid:
        reasons.append(invalid.reason)
    assert set(reasons) <= set(get_args(InvalidReason))


@settings(deadline=None, max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=9) | st.dictionaries(st.sampled_from(["pairs", "question", "answer"]), inner)
        ),
        max_leaves=20,
    )
)
def test_any_json_gives_a_value_or_a_refusal(value):
    for task in TASKS:
        with pytest.raises(InvalidAnswer):
            parse_dialog(task, json.dumps(value), SAMPLE)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "frame",
    [
        "```json\n%s\n```",
        "```\n%s",
        "Here is the JSON you asked for:\n%s\nI hope this helps.",
        "<think>Perhaps {x}?</think>%s",
        '<think>First draft: {"pairs": []}. Better: %s',
        "thinking without a start</think>\n%s",
    ],
)
def test_what_stands_around_the_json_is_cut(task, frame):
    value = json.dumps(dialog(task))
    assert parse_dialog(task, frame % value, SAMPLE) == parse_dialog(task, value, SAMPLE)


@pytest.mark.parametrize(
    "broken",
    [
        lambda text: text[:-2],
        lambda text: text.replace('"question"', "question"),
        lambda text: text.replace('"', "'"),
        lambda text: text.replace("}]", "},]"),
        lambda text: text.replace('", "answer"', '" "answer"'),
    ],
)
def test_broken_json_is_repaired_and_flagged(broken):
    whole = json.dumps(dialog())
    assert broken(whole) != whole
    parsed = parse_dialog("question_answering", broken(whole), SAMPLE)
    assert parsed.repaired
    assert parsed.turns == parse_dialog("question_answering", whole, SAMPLE).turns


def test_repair_drops_a_pair_that_ends_in_the_middle():
    text = json.dumps(dialog(count=8))
    cut = text[: text.rindex("right 7")]
    parsed = parse_dialog("question_answering", cut, SAMPLE)
    assert parsed.repaired
    assert len(parsed.turns) == 7
    assert dialog_reason(json.dumps(dialog(count=6))[:-20]) == "too_few_pairs"


def test_answer_without_room_is_read_only_when_complete():
    whole = json.dumps(dialog())
    assert len(parse_dialog("question_answering", whole, SAMPLE, finish_reason="length").turns) == 6
    assert dialog_reason(whole[:-2], finish_reason="length") == "cut_off"
    assert dialog_reason("{", finish_reason="length") == "cut_off"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        ("<think>hm</think> ", "empty"),
        ("No JSON at all.", "not_json"),
        ("{", "not_json"),
        ("[1, 2", "not_json"),
        ("{" * (LONGEST_RESCUE + 9) + "}", "not_json"),
        ("x" * (LONGEST_ANSWER + 1), "too_large"),
        ("{}", "wrong_schema"),
        ('{"pairs": "none"}', "wrong_schema"),
        ('{"pairs": [1, 2, 3, 4, 5, 6]}', "wrong_schema"),
        ("[" * 20_000 + "{}" + "]" * 20_000, "wrong_schema"),
        (json.dumps([dialog()]).replace("pairs", "items"), "wrong_schema"),
        (changed("question_answering", answer=None), "wrong_schema"),
        (changed("question_answering", answer=["a"]), "wrong_schema"),
        (changed("question_answering", answer=" "), "empty_field"),
        (changed("question_answering", question=""), "empty_field"),
        (json.dumps(dialog(count=5)), "too_few_pairs"),
        ('{"pairs": []}', "too_few_pairs"),
        (json.dumps(dialog(count=9)), "too_many_pairs"),
        (changed("question_answering", question="WHAT is thing 0 ?!"), "repeated_question"),
        (changed("question_answering", answer="The caption mentions a dog."), "source_leak"),
        (changed("question_answering", question="According to the text, what is it?"), "source_leak"),
        (changed("question_answering", answer="The colour is not specified."), "source_leak"),
        (changed("question_answering", question="What is in <image>?"), "image_token"),
        (changed("question_answering", answer="A dog.<|endoftext|>"), "image_token"),
        (changed("question_answering", answer="A dog\x07"), "bad_characters"),
        (changed("question_answering", answer="A caf\ufffd"), "bad_characters"),
    ],
)
def test_dialog_refuses(text, expected):
    assert dialog_reason(text) == expected


def test_lone_surrogate_is_refused():
    assert dialog_reason(changed("question_answering", answer="A \ud800 dog")) in ("bad_characters", "wrong_schema")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"distractors": ["a", "b"]}, "wrong_schema"),
        ({"distractors": ["a", "b", "c", "d"]}, "wrong_schema"),
        ({"distractors": ["a", "b", "A "]}, "options_not_distinct"),
        ({"answer": "Red", "distractors": ["red.", "blue", "green"]}, "options_not_distinct"),
        ({"answer": "A: red", "distractors": ["B: blue", "C: green", "D: grey"]}, "options_lettered"),
        ({"answer": "B", "distractors": ["blue", "green", "grey"]}, "options_lettered"),
        ({"answer": "red", "distractors": ["blue", "green", "None of the above"]}, "options_cross_refer"),
        ({"answer": "red", "distractors": ["blue", "green", "Both A and B"]}, "options_cross_refer"),
        ({"answer": "red", "distractors": ["blue", "green", ""]}, "empty_field"),
        ({"answer": "red", "distractors": ["blue", "green", "not in the caption"]}, "source_leak"),
        ({"answer": "red", "distractors": ["blue", "green", "<image>"]}, "image_token"),
    ],
)
def test_multiple_choice_refuses(fields, expected):
    assert dialog_reason(changed("multiple_choice", **fields), "multiple_choice") == expected


def test_letters_as_options_are_fine():
    text = changed("multiple_choice", question="Which letter is on the door?", answer="B", distractors=["C", "E", "A"])
    assert parse_dialog("multiple_choice", text, SAMPLE)


def test_lines_within_a_text_are_joined():
    parsed = parse_dialog("question_answering", changed("question_answering", answer="One.\n  Two."), SAMPLE)
    assert parsed.turns[1].answer == "One. Two."


def test_visible_text_in_the_scene_is_no_leak():
    text = changed("question_answering", question="What does the text on the sign say?", answer="It says STOP.")
    assert parse_dialog("question_answering", text, SAMPLE)


@pytest.mark.parametrize("count", [6, 7, 8])
def test_letters_are_balanced(count):
    total = Counter()
    text = json.dumps(dialog("multiple_choice", count))
    for n in range(400):
        parsed = parse_dialog("multiple_choice", text, sample_id(f"seed {n}"))
        letters = Counter(turn.answer for turn in parsed.turns)
        assert set(letters) == set(LETTERS)
        assert max(letters.values()) - min(letters.values()) <= 1
        total += letters
        assert parsed == parse_dialog("multiple_choice", text, sample_id(f"seed {n}"))
    expected = 100 * count
    chi_square = sum((total[letter] - expected) ** 2 / expected for letter in LETTERS)
    assert chi_square < 11.3  # 1% of uniform draws of three degrees of freedom lie above


def test_every_question_has_every_letter_at_times():
    text = json.dumps(dialog("multiple_choice"))
    dialogs = [parse_dialog("multiple_choice", text, sample_id(f"seed {n}")) for n in range(200)]
    for place in range(6):
        assert {dialog.turns[place].answer for dialog in dialogs} == set(LETTERS)
    assert len({dialog.turns[0].options for dialog in dialogs}) == 24


GOLDEN = {1: "03d2befd0690bde2"}


def test_output_changes_only_with_the_version():
    outcomes = []
    for text in [*EXPANSIONS, "# A dog", "I cannot see it."]:
        try:
            outcomes.append(parse_expansion(text))
        except InvalidAnswer as invalid:
            outcomes.append(invalid.reason)
    for task in TASKS:
        for text in (json.dumps(dialog(task)), json.dumps(dialog(task))[:-2]):
            parsed = parse_dialog(task, text, SAMPLE)
            outcomes += [parsed.repaired, [[turn.question, turn.answer, turn.options] for turn in parsed.turns]]
    digest = hashlib.blake2b(json.dumps(outcomes).encode(), digest_size=8).hexdigest()
    assert GOLDEN[PARSER_VERSION] == digest, "a new outcome needs a new PARSER_VERSION"


@pytest.mark.parametrize("finish_reason", ["refused", "content_filter"])
def test_what_the_engine_did_not_get_is_a_reject_that_says_why(finish_reason):
    why = "HTTP 400: This model's maximum context length is 2048 tokens."
    with pytest.raises(InvalidAnswer, match="maximum context length") as refused:
        parse_expansion(why, finish_reason)
    assert refused.value.reason == "engine_refused"
    for task in TASKS:
        for text in (why, json.dumps(dialog(task)), ""):
            with pytest.raises(InvalidAnswer) as refused:
                parse_dialog(task, text, SAMPLE, finish_reason)
            assert refused.value.reason == "engine_refused"

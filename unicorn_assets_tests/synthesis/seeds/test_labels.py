"""Labels in templates."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import SeedError
from unicorn_assets.synthesis.seeds.labels import article, filled
from unicorn_assets.synthesis.seeds.readers import columns, rows
from unicorn_assets.synthesis.seeds.rows import Row, SetAside
from unicorn_assets_tests.synthesis.seeds.writing import PACKS, source, write_text

FOOD = """
[[domains]]
name = "food"
labels = ["laksa", "omelette", "apple pie"]
templates = ["An image of a delicious {label}", "{a label} on a table", "A hand holds {a label}", "The {label} steams"]
"""


def read(tmp_path, text, name="labels.toml", **keys):
    return list(rows(source(write_text(tmp_path, name, text), **keys)))


def drawn(found):
    return {row.text for row in found if isinstance(row, Row)}


@pytest.mark.parametrize(
    ("template", "label", "text"),
    [
        ("An image of a delicious {label}", "laksa", "An image of a delicious laksa"),
        ("A hand holds {a label} up", "omelette", "A hand holds an omelette up"),
        ("{a label} on a table", "omelette", "An omelette on a table"),
        ("{label} on a table", "iPhone", "iPhone on a table"),
    ],
)
def test_filled(template, label, text):
    assert filled(template, label) == text


@pytest.mark.parametrize(
    "words",
    [
        "a dog", "an apple", "an owl", "a unicorn", "a uniform", "a union", "an uninhabited island", "an umbrella",
        "a utensil", "an urn", "a urinal", "a European bison", "a ewe", "a one-way sign", "an onion", "an hourglass",
        "an heirloom", "a herb", "a house", "an SUV", "a BMW", "an X-ray fish", "a T-shirt", "a USB stick", "an MG",
        "an 8-track player", "an 18-wheeler", "an 11", "a 110 camera", "a 2CV", "an éclair", "an usher",
        "a user", "a ukulele", "an A380", "a Boeing", "an ugli fruit",
    ],
)  # fmt: skip
def test_article_goes_by_sound(words):
    first, _, label = words.partition(" ")
    assert article(label) == first


def test_every_label_in_its_drawn_templates(tmp_path):
    found = read(tmp_path, FOOD, templates=3)
    assert [row.row for row in found] == list(range(1, 13))
    for label in ("laksa", "omelette", "apple pie"):
        mine = [row for row in found if label in row.text]
        assert sum(isinstance(row, Row) for row in mine) == 3
        assert [(row.outcome, row.reason) for row in mine if isinstance(row, SetAside)] == [
            ("not_selected", "template_not_drawn")
        ]
    assert {row.topic for row in found if isinstance(row, Row)} == {"food"}
    assert str(columns(source(tmp_path / "labels.toml"))) == "caption from `templates`, topic from `name`"


def test_fewer_templates_than_asked_for_are_all_drawn(tmp_path):
    assert len(drawn(read(tmp_path, FOOD, templates=10))) == 12


@pytest.mark.parametrize("pack", [".gz", ".zst"])
def test_compressed(tmp_path, pack):
    packed = PACKS[pack](FOOD.encode())
    assert read(tmp_path, packed, f"labels.toml{pack}") == read(tmp_path, FOOD)


@settings(deadline=None, max_examples=30)
@given(
    labels=st.permutations(["laksa", "omelette", "pie"]),
    templates=st.permutations(list("abcdef")),
    most=st.integers(1, 6),
)
def test_a_draw_does_not_depend_on_the_order(tmp_path_factory, labels, templates, most):
    def text(labels, templates):
        quoted = [f"{{label}} {template}" for template in templates]
        return f'[[domains]]\nname = "food"\nlabels = {labels!r}\ntemplates = {quoted!r}\n'

    folder = tmp_path_factory.mktemp("labels")
    moved = drawn(read(folder, text(labels, templates), templates=most))
    assert moved == drawn(read(folder, text(["laksa", "omelette", "pie"], list("abcdef")), templates=most))
    assert len(moved) == 3 * most
    assert drawn(read(folder, text(["laksa"], templates), templates=most)) <= moved


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[[domains", "not valid TOML"),
        ("x = " + "[" * 5000, "not valid TOML"),
        ("# nothing\n", "domains: "),
        ("domains = []", "domains: "),
        ("domains = 7", "domains: "),
        (FOOD + "label = 'one more'", "domains.0.label: there is no such key"),
        (FOOD.replace('"food"', '" "'), "domains.0.name"),
        (FOOD.replace('"food"', "7"), "domains.0.name"),
        (FOOD + FOOD, "'food' is given twice"),
        (FOOD.replace('"laksa"', '"omelette"'), "'omelette' is given twice"),
        (FOOD.replace('"laksa"', '" "'), "one of them is empty"),
        (FOOD.replace('"laksa"', "7"), "domains.0.labels.0"),
        (FOOD.replace('["laksa", "omelette", "apple pie"]', "[]"), "domains.0.labels"),
        (FOOD.replace("The {label}", "The label"), "'The label steams' needs exactly one"),
        (FOOD.replace("The {label}", "{label} {label}"), "needs exactly one"),
        (FOOD.replace("The {label}", "The {label} {name}"), "no other braces"),
        (FOOD.replace("The {label}", "The {labels}"), "needs exactly one"),
        (FOOD.encode() + b"# caf\xe9", "not UTF-8"),
        (b"x = '" + b"y" * (2 << 20) + b"'", "Line 1 of"),
    ],
)
def test_wrong_files_name_the_key(tmp_path, text, key):
    with pytest.raises(SeedError) as error:
        read(tmp_path, text)
    assert key in error.value.what
    assert "labels.toml" in error.value.what
    assert error.value.cure

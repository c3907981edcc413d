import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.curation.rules import judge
from unicorn_assets.engines.rules.expansion import expand
from unicorn_assets.engines.rules.lexicon import lexicon
from unicorn_assets.engines.rules.phrases import facts
from unicorn_assets.engines.rules.seedscan import scan
from unicorn_assets.judging import Curation
from unicorn_assets.text import content_words, words

COCO = Path(__file__).parents[3] / "shared" / "data" / "coco_captions_500.jsonl"

SEEDS = [
    "A ferry departs a bustling port, cutting through calm waters.",
    "heavy snow falls over a snow lined river .",
    "An image of a delicious caesar salad.",
    "A photo of the 737-800 aircraft, seen from the side.",
    "A  lawn sitting on a snowy sidewalk by a hydrant.",
    "Two women waiting at a bench next to a street.",
    "a toilet a toilet paper roll and a newspaper",
    "Three red motorcycles parked in front of a brown house.",
    "people walking down a street at night",
    "An empty kitchen with no table.",
    "A black and white photo of a man on a bench.",
    "A close up of a blue butterfly on a purple flower",
    "The plane is flying through a clear blue sky.  ",
    "A MAN RIDING A WAVE ON TOP OF A SURFBOARD",
    'A sign that says "Café Zoë" hangs over a door.',
    "A toddler stacks wooden blocks on a patterned rug.",
    "Lightning splits the sky above a row of grain silos.",
    "A toy bear and a stuffed dog on a bed.",
    "Woman's bicycle leaning against a wall",
    "Looking up at a clock tower!",
    "pizza",
    "An aerial view of sheep grazing in a large green field",
    "A menu photo of butter chicken with rice.",
    "A couple of giraffes standing near some trees",
    "Boy rides skateboard and does trick over stairs.",
    "A Steinway piano under a single spotlight on stage",
    "Coral reef with a clownfish hiding in an anemone",
    "A hammer on a scarred wooden workbench among curled shavings",
    "A train pulling into a station in the rain",
    "A laptop, a phone and two cups of coffee on a desk",
]

VOCABULARY = sorted(set(words(" ".join(SEEDS))))


def coco() -> list[str]:
    if not COCO.is_file():
        return []
    return [json.loads(line)["caption"] for line in COCO.read_text(encoding="utf-8").splitlines()]


def well_formed(seed: str, caption: str) -> None:
    tokens = words(caption)
    assert 51 <= len(tokens) <= 180
    assert 51 <= len(caption.split()) <= 180
    assert set(content_words(seed)) <= set(tokens)
    assert caption.endswith((".", "!", "?"))
    assert "\n" not in caption
    assert "  " not in caption


@pytest.mark.parametrize("number", [0, 1, 2**63 - 1])
def test_real_seeds_become_dense_captions_that_curation_keeps(number: int) -> None:
    for seed in [*SEEDS, *coco()]:
        caption = expand(seed, number)
        well_formed(seed, caption)
        assert judge(" ".join(seed.split()), caption, Curation()) == [], seed


def test_a_caption_depends_on_seed_and_number_alone() -> None:
    first = [expand(seed, 5) for seed in SEEDS]
    again = [expand(seed, 5) for seed in reversed(SEEDS)]
    assert first == again[::-1]
    assert all(expand(seed, 6) != caption for seed, caption in zip(SEEDS, first, strict=True))


def test_one_number_for_different_seeds_gives_different_additions() -> None:
    one, two = expand("A dog on a rug.", 5), expand("A dog on a mat.", 5)
    assert one.split(".")[2] != two.split(".")[2]


def test_nothing_talks_of_its_source() -> None:
    banned = {"caption", "description", "image", "photo", "picture", "text", "depicts", "photograph"}
    for seed in [*SEEDS, *coco()]:
        added = set(words(expand(seed, 3))) - set(words(seed))
        assert not added & banned


def test_no_person_animal_or_number_is_made_up() -> None:
    lists = lexicon()
    living = {form for form, noun in lists.nouns.items() if noun.kind.alive}
    for seed in [*SEEDS, *coco()]:
        added = set(words(expand(seed, 4))) - set(words(seed))
        assert not added & living
        assert not added & set(lists.numbers)


def test_an_incidental_thing_is_none_that_the_seed_has() -> None:
    seed = "A kettle and a colander on a kitchen counter beside a toaster."
    for number in range(40):
        things = {fact.values["item"] for fact in facts(expand(seed, number)) if fact.kind == "thing"}
        assert len(things) > 1
        assert not things & {"kettle", "colander", "toaster"}


@pytest.mark.parametrize(
    ("seed", "never"),
    [
        ("A street at night with parked cars.", {"daylight"}),
        ("A kitchen with a stove and a kettle.", {"daylight", "tree", "shrub", "hedge"}),
        ("The plane is flying through a clear blue sky.", {"cloud", "clouds", "daylights"}),
        ("A black and white photo of a man on a bench.", {"red", "teal", "amber", "ochre", "olive", "golden", "warm"}),
        ("An empty bathroom.", {"hamper", "towel", "basket", "caddy"}),
        ("A plate of butter chicken with rice.", {"feathers", "plumage"}),
        ("A hot dog on a plate.", {"muzzle", "hairs"}),
        ("A toy bear on a shelf.", {"muzzle", "hairs"}),
        ("A road with no cars.", {"wheel"}),
    ],
)
def test_additions_respect_the_seed(seed: str, never: set[str]) -> None:
    for number in range(40):
        assert not set(words(expand(seed, number))) & never


@pytest.mark.parametrize(
    ("seed", "scene"),
    [
        ("A white sink under a mirror in a bathroom", "bathroom"),
        ("A surfer on a wave near the beach", "sea"),
        ("A pizza on a plate with a fork", "table"),
        ("Skiers on a snowy slope", "snow"),
        ("A red bus on a city street", "street"),
        ("An airplane flying above", "sky"),
        ("An airplane on a runway", "airport"),
        ("Sheep grazing in a meadow", "farm"),
        ("Some thing somewhere", "plain"),
    ],
)
def test_a_scene_is_told_by_the_words(seed: str, scene: str) -> None:
    assert scan(seed).scene.name == scene


@pytest.mark.parametrize(
    ("seed", "sentence"),
    [
        (
            "A brown dog standing on the kitchen floor looking up.",
            "brown dog is standing on the kitchen floor looking up.",
        ),
        ("two men riding bikes in the rain", "wo men riding bikes in the rain"),
        ("A toddler stacks wooden blocks on a patterned rug.", "toddler stacks wooden blocks on a patterned rug."),
        ("A stone building with a clock", "stone building with a clock"),
        ("A man sits on a bench", "man sits on a bench."),
    ],
)
def test_a_seed_stands_as_a_sentence(seed: str, sentence: str) -> None:
    captions = [expand(seed, number) for number in range(20)]
    assert any(sentence in caption for caption in captions)
    assert not any("is stacks" in caption or "is building with" in caption for caption in captions)


@pytest.mark.parametrize(
    "seed",
    [
        "",
        " ",
        "...",
        "!?",
        "\x00",
        "\ud800 lone surrogate",
        "x",
        "İstanbul'da ﬁne ﬂight",
        "ΑΣ ΟΔΟΣ",
        "ßtraße am Fluß",
        "日本語の看板がある通り",
        "🦄 on a 🌈",
        "one-two-three/four_five'six",
        "12 34 56",
        'He said "stop".',
        "a\tb\r\nc",
        "{a:adj} {item} %s %d {0}",
        "word " * 60,
        "A " + "very " * 58 + "dog",
    ],
)
def test_odd_seeds_do_no_harm(seed: str) -> None:
    well_formed(seed, expand(seed, 9))


def test_a_seed_that_is_too_long_keeps_its_words() -> None:
    seed = " ".join(f"word{number}" for number in range(300))
    assert set(words(seed)) <= set(words(expand(seed, 1)))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=60), st.integers(0, 2**63 - 1))
def test_any_words_are_kept(parts: list[str], number: int) -> None:
    seed = " ".join(parts)
    caption = expand(seed, number)
    if len(words(seed)) <= 100 and len(seed.split()) <= 100:
        well_formed(seed, caption)
    assert set(content_words(seed)) <= set(words(caption))


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from(sorted(set(words(" ".join(SEEDS))))), min_size=1, max_size=60), st.integers(0, 2**63 - 1)
)
def test_any_mix_of_real_words_becomes_a_caption(parts: list[str], number: int) -> None:
    well_formed(" ".join(parts), expand(" ".join(parts), number))


def test_openings_and_captions_differ() -> None:
    captions = [expand("A man riding a wave on a surfboard.", number) for number in range(400)]
    assert len(set(captions)) == 400
    assert len({tuple(words(caption)[:5]) for caption in captions}) >= 392

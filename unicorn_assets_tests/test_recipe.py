from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets import recipe as recipes
from unicorn_assets.cli.init import commented
from unicorn_assets.errors import RecipeError
from unicorn_assets.recipe import CHECKOUT, Curation, Recipe, Seeds, Source, adjusted, differences, dump, load, parse

SMALL = """
name = "small"
[[seeds.sources]]
name = "coco"
path = "coco.jsonl"
"""


def read(text: str) -> Recipe:
    return parse(text, where="here.toml", base=Path("/recipes"))


def refusal(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        read(text)
    assert "here.toml" in caught.value.what
    assert caught.value.cure
    return caught.value.what


@pytest.mark.parametrize("name", recipes.shipped())
def test_shipped_recipes_are_valid_and_their_seeds_are_there(name):
    recipe = load(name)
    assert recipe.name == name
    for source in recipe.seeds.sources:
        assert source.path.startswith(f"{CHECKOUT}/data/seeds/")


def test_new_recipes_leave_the_encoders_type_to_the_machine_and_old_ones_keep_float32():
    assert {load(name).encoder.dtype for name in recipes.shipped()} == {"auto"}
    assert read(commented("mine", [Path("mine.jsonl")])).encoder.dtype == "auto"
    assert read(SMALL).encoder.dtype == "float32"
    assert "encoder.dtype" in refusal(SMALL + '[encoder]\ndtype = "float16"')


def test_an_unknown_name_lists_the_shipped_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"no recipe called 'dmeo'[^$]*demo, full"):
        load("dmeo")


def test_a_file_called_like_a_shipped_recipe_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").write_text(SMALL)
    assert load("demo").name == "small"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.write_bytes(b'name = "caf\xe9"'), "not UTF-8"),
        (lambda path: path.write_bytes(SMALL.encode("utf-16")), "not UTF-8"),
        (lambda path: path.symlink_to(path), "symbolic links"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, make, told):
    path = tmp_path / "mine.toml"
    make(path)
    with pytest.raises(RecipeError, match=told) as caught:
        load(str(path))
    assert str(path) in caught.value.what


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load(str(path)).name == "small"


def test_a_syntax_error_names_file_and_line():
    assert "line 2" in refusal('name = "small"\nshards = \n')
    assert "line 2" in refusal('name = "small"\nname = "again"\n')


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("shardz = 4", "shardz"),
        ("[curation]\nmin_word = 3", "curation.min_word"),
        ("[dialogs.sampling]\ntemp = 1", "dialogs.sampling.temp"),
        ('[[seeds.sources]]\nname = "b"\npath = "b"\ncaptoin = "c"', "seeds.sources.1.captoin"),
    ],
)
def test_an_unknown_key_is_named_with_its_dots(line, key):
    # A plain key of the recipe must stand above the tables.
    text = SMALL + line if "[" in line else line + SMALL
    assert refusal(text).splitlines()[1:] == [f"  {key}: there is no such key"]


@pytest.mark.parametrize(
    ("line", "key", "given"),
    [
        ("shards = true", "shards", "True"),
        ('shards = "4"', "shards", "'4'"),
        ("shards = 4.0", "shards", "4.0"),
        ("shards = 0", "shards", "0"),
        ("shards = 10000", "shards", "10000"),
        ("alignment.renormalise = 1", "alignment.renormalise", "1"),
        ('alignment.method = "magic"', "alignment.method", "'magic'"),
        ('expansion.temperature = "hot"', "expansion.temperature", "'hot'"),
        ("expansion.temperature = nan", "expansion.temperature", "nan"),
        ("dialogs.multiple_choice = inf", "dialogs.multiple_choice", "inf"),
        ("dialogs.share = 1.5", "dialogs.share", "1.5"),
        ("expansion.max_tokens = 99999999999999999999", "expansion.max_tokens", "99999999999999999999"),
        ('engine.kind = "gpt"', "engine.kind", "'gpt'"),
        ("encoder.model = 3", "encoder.model", "3"),
    ],
)
def test_a_wrong_value_is_named_and_shown(line, key, given):
    lines = refusal(line + SMALL).splitlines()[1:]
    assert len(lines) == 1
    assert lines[0].startswith(f"  {key}: ")
    assert lines[0].endswith(f"(given: {given})")


def test_every_wrong_key_is_told_at_once():
    told = refusal("shards = 0\nfoo = 1\ncuration.min_words = -1\n[[seeds.sources]]\npath = ''\n")
    keys = [line.split(":")[0].strip() for line in told.splitlines()[1:]]
    assert keys == ["name", "shards", "seeds.sources.0.name", "seeds.sources.0.path", "curation.min_words", "foo"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('name = "a"', "seeds: this key is missing"),
        ('name = "a"\nseeds = 3', "seeds: must be a table of keys"),
        ('name = "a"\nseeds.sources = []', "there are no sources"),
        ('name = "a"\nseeds.sources.name = "b"', r"double brackets like \[\[seeds.sources\]\]"),
        ('name = "a"\nseeds.sources = [3]', "seeds.sources.0: must be a table"),
        ('name = "a b"' + SMALL.replace('name = "small"', ""), "name: .*'a b'"),
        (SMALL.replace('"coco"', '"../coco"'), "seeds.sources.0.name: .*'../coco'"),
        (SMALL.replace('"coco.jsonl"', r'"a\u0000b"'), r"seeds.sources.0.path: must name a file, in UTF-8"),
        (
            SMALL + '[alignment]\nmethod = "realign"',
            r"alignment: the method realign needs images; .*\[alignment.images\]",
        ),
        (SMALL + '[alignment]\nmethod = "aniso"', "alignment: the method aniso needs images"),
        (SMALL + '[alignment]\nmethod = "matched"', "alignment: the method matched needs images"),
        (SMALL + '[alignment]\nmethod = "none"\nrenormalise = false', "the method none does not read renormalise"),
        (SMALL + "[alignment]\nrounds = 4", "the method mean_shift does not read rounds; leave it out"),
        (SMALL + "[alignment]\nnoise_sigma = 0.1", "the method mean_shift does not read noise_sigma"),
        (
            SMALL + '[alignment]\nmethod = "c3"\nnoise_sigma = 0.1\nnoise_cosine = 0.9',
            "both as noise_sigma and as noise_cosine",
        ),
        (SMALL + '[alignment]\nmethod = "c3"\nnoise_cosine = 1.0', "alignment.noise_cosine: .*less than 1.*given: 1.0"),
        (SMALL + '[alignment]\nmethod = "c3"\nnoise_sigma = 0', "alignment.noise_sigma: .*greater than 0"),
        (SMALL + '[alignment]\nmethod = "matched"\nkept = 0', "alignment.kept: .*greater than 0"),
        (SMALL + '[alignment.images]\nmodel = "clip"', "alignment.images.path: this key is missing"),
        (SMALL + '[alignment.images]\npath = ""', "alignment.images.path: must name a folder or a file"),
        (
            SMALL + '[alignment.images]\npath = "photos"',
            "photos is no file of embeddings .*needs the model that encodes",
        ),
        (SMALL + '[alignment.images]\npath = "photos"\nmodel = " "', "the model has no name"),
        (SMALL + '[alignment.images]\npath = "a.arrow"\nmodel = "clip"', "needs neither model nor revision"),
        (SMALL + '[alignment.images]\npath = "a.parquet"\nrevision = "v1"', "needs neither model nor revision"),
        (SMALL + '[alignment.images]\npath = "a.arrow"\ndraw = 0', "alignment.images.draw"),
        (SMALL + "[dialogs]\nmultiple_choice=0\nquestion_answering=0\ncomplex_reasoning=0.0", "dialogs: all three"),
        ("seeds.min_words = 9\nseeds.max_words = 8\n" + SMALL, "min_words is 9, above max_words, 8|line"),
    ],
)
def test_what_does_not_fit_together_says_why(text, told):
    import re

    assert re.search(told, refusal(text))


def test_two_sources_of_one_name_are_refused_by_name():
    assert "two sources are called 'coco'" in refusal(SMALL + '[[seeds.sources]]\nname = "coco"\npath = "b"')


def test_a_long_value_is_shown_by_its_beginning():
    assert len(refusal(f'encoder.batch_size = "{"x" * 5000}"' + SMALL)) < 300


def test_relative_paths_start_at_the_recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "mine.toml").write_text(
        SMALL
        + '[[seeds.sources]]\nname = "b"\npath = "/abs/b.csv"\n'
        + '[[seeds.sources]]\nname = "c"\npath = "~/c.csv"\n'
        + '[[seeds.sources]]\nname = "d"\npath = "../d.csv"\n'
    )
    monkeypatch.chdir(tmp_path)
    for name in ("recipes/mine.toml", str(folder / "mine.toml")):
        paths = [source.path for source in load(name).seeds.sources]
        assert paths == [f"{folder}/coco.jsonl", "/abs/b.csv", "/home/somebody/c.csv", f"{folder}/../d.csv"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('path = "photos"\nmodel = "clip"', {"path": "/recipes/photos", "model": "clip"}),
        ('path = "/abs/I.parquet"\ndraw = 9', {"path": "/abs/I.parquet", "draw": 9}),
    ],
)
def test_images_start_at_the_recipe_and_come_back_from_its_text(given, kept):
    recipe = read(SMALL + '[alignment]\nmethod = "matched"\nrounds = 5\n[alignment.images]\n' + given)
    assert recipe.alignment.images.model_dump(exclude_defaults=True) == kept
    assert read(dump(recipe)) == recipe
    assert "alignment.images.path: None" in " ".join(differences(read(SMALL), recipe))


def test_a_recipe_of_a_home_that_is_older_than_matched_is_read():
    """A HOME's recipe has every key, whichever method it chose."""
    older = dump(read(SMALL)).replace("kept = 0.6", "shrinkage = 0.01").replace("rounds = 10", "rounds = 3")
    assert "shrinkage = 0.01" in older
    assert read(older.replace("rounds = 3", "")) == read(SMALL)


def test_a_recipe_without_images_says_nothing_of_them():
    assert "images" not in dump(read(SMALL)).split("[alignment]")[1]


def test_the_home_of_an_unknown_user_is_refused():
    with pytest.raises(RecipeError, match=r"~nosuchuser/a.csv"):
        read(SMALL.replace("coco.jsonl", "~nosuchuser/a.csv"))


def test_a_recipe_cannot_be_changed():
    recipe = read(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        recipe.shards = 5


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PATHS = TEXTS.filter(lambda text: text.strip() and "\x00" not in text).map(lambda text: str(Path(f"/{text}")))
SOURCES = st.builds(
    Source,
    name=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,8}\Z"),
    path=PATHS,
    format=st.sampled_from(["auto", "jsonl", "labels"]),
    caption=st.none() | TEXTS,
    image_id=st.none() | TEXTS,
    licence=TEXTS,
    origin=TEXTS,
    draw=st.none() | st.integers(1, 10**12),
)
RECIPES = st.builds(
    Recipe,
    name=st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,8}\Z"),
    shards=st.integers(1, 9999),
    seeds=st.builds(
        Seeds,
        sources=st.lists(SOURCES, min_size=1, max_size=3, unique_by=lambda source: source.name).map(tuple),
        min_letters=st.floats(0, 1),
    ),
    curation=st.builds(Curation, max_repetition=st.floats(0, 1), min_words=st.integers(1, 100)),
)


@settings(deadline=None, max_examples=40)
@given(RECIPES)
def test_what_is_written_is_read_back_equal(recipe):
    assert read(dump(recipe)) == recipe
    assert dump(read(dump(recipe))) == dump(recipe)


@settings(deadline=None, max_examples=30)
@given(RECIPES, RECIPES)
def test_two_recipes_differ_exactly_where_differences_says_so(old, new):
    assert differences(old, old) == []
    assert bool(differences(old, new)) == (old != new)


def test_differences_name_key_and_both_values():
    old = read(SMALL)
    new = read("shards = 8\ncuration.min_words = 50\n" + SMALL + '[[seeds.sources]]\nname = "b"\npath = "/b"\ndraw = 5')
    told = differences(old, new)
    assert told[0] == "curation.min_words: 40 -> 50"
    assert "seeds.sources.1.draw: None -> 5" in told
    assert "seeds.sources.1.name: None -> 'b'" in told
    assert told[-1] == "shards: 4 -> 8"


def test_options_take_the_place_of_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = read(SMALL)
    assert adjusted(recipe) == recipe
    assert adjusted(recipe, engine="rules", shards=7) == recipe.model_copy(update={"shards": 7})
    changed = adjusted(recipe, seeds=[Path("my file.v2.jsonl.gz"), Path("/else/my file.csv"), Path("/x/日本.txt")])
    taken = [(source.name, source.path) for source in changed.seeds.sources]
    assert taken == [
        ("my-file", f"{tmp_path}/my file.v2.jsonl.gz"),
        ("my-file-2", "/else/my file.csv"),
        ("seeds", "/x/日本.txt"),
    ]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["a", "a-2", "a-2-2", "a.b", "..", "-", "ü", "seeds"]), min_size=1, max_size=6))
def test_files_of_any_names_become_sources_of_their_own(names):
    recipe = adjusted(read(SMALL), seeds=[Path(f"/x/{place}/{name}") for place, name in enumerate(names)])
    assert len(recipe.seeds.sources) == len(names)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"shards": 0}, "shards: .*given: 0"),
        ({"engine": "gpt"}, "engine.kind"),
        ({"seeds": [Path("/x/bad\udcff.csv")]}, "seeds.sources.0.path"),
        ({"seeds": [Path("~nosuchuser/x.csv")]}, "unknown user"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, told):
    with pytest.raises(RecipeError, match=told):
        adjusted(read(SMALL), **options)

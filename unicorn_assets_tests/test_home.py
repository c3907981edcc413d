from pathlib import Path

import pytest

from unicorn_assets.encoders import precision
from unicorn_assets.errors import LakeError, RecipeError
from unicorn_assets.home import Home
from unicorn_assets.lake.layout import ALL
from unicorn_assets.recipe import CHECKOUT, dump
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.lake.making import ended, ids, killed_at, limited, make, recipe


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def adopt(path: Path, shards: int) -> None:
    Home(path).adopt(recipe(shards=shards), change=True)


def prepare(path: Path) -> None:
    Home(path).prepare()


def test_home_is_what_is_given_else_the_environments_else_the_checkouts(tmp_path, monkeypatch):
    monkeypatch.delenv("UNICORN_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert Home.resolve().path == CHECKOUT / "data"
    monkeypatch.setenv("UNICORN_HOME", "")
    assert Home.resolve().path == CHECKOUT / "data"
    monkeypatch.setenv("UNICORN_HOME", "from/environment")
    assert Home.resolve().path == tmp_path / "from/environment"
    assert Home.resolve("given").path == tmp_path / "given"
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Home.resolve(Path("~/there")).path == Path("/home/somebody/there")
    with pytest.raises(RecipeError, match="unknown user"):
        Home.resolve("~nosuchuser/there")


def test_preparing_twice_is_no_matter_and_leaves_no_probe(home):
    home.prepare()
    assert sorted(path.name for path in home.path.iterdir()) == ["lake"]
    assert home.recipe() is None


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file", "File exists|Not a directory"),
        ("file/home", "Not a directory"),
        ("/proc/home", "No such file"),
        ("/sys/home", "not permitted|Permission denied|Read-only"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_home_that_cannot_be_written_is_named_before_any_work(tmp_path, place, reason):
    # Tests may run as root, for whom permissions do not hold; these places refuse everybody.
    (tmp_path / "file").write_text("")
    path = tmp_path / place
    with pytest.raises(LakeError, match=reason) as caught:
        Home(path).prepare()
    assert str(path) in caught.value.what
    assert "another --home" in caught.value.cure


def test_a_home_that_may_not_be_written_is_named(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    home.path.chmod(0o555)
    try:
        try:
            (home.path / "probe").touch()
        except PermissionError:
            pass
        else:
            pytest.skip("permissions do not hold for this user")
        with pytest.raises(LakeError, match="Permission denied"):
            home.prepare()
    finally:
        home.path.chmod(0o755)


def test_a_home_that_duckdb_cannot_open_is_refused(tmp_path):
    with pytest.raises(LakeError, match="question mark"):
        Home(tmp_path / "what?").prepare()


def test_a_home_on_a_full_disk_is_named(tmp_path):
    told = limited(0, prepare, tmp_path / "home")
    assert told.startswith(f"LakeError {tmp_path}/home/lake/lake.json cannot be written: File too large.")


def test_the_first_recipe_is_kept_and_the_same_one_is_welcome_again(home):
    home.adopt(recipe())
    written = home.recipe_file.read_bytes()
    assert home.recipe() == recipe()
    home.adopt(recipe())
    home.adopt(home.recipe())
    assert home.recipe_file.read_bytes() == written


def test_another_recipe_is_refused_with_what_differs(home):
    home.adopt(recipe())
    with pytest.raises(RecipeError) as caught:
        home.adopt(recipe(name="other", curation={"min_words": 60}))
    assert caught.value.what.splitlines() == [
        f"HOME {home.path} holds another recipe. What differs:",
        "  curation.min_words: 40 -> 60",
        "  name: 'small' -> 'other'",
    ]
    assert "--change-recipe" in caught.value.cure
    assert home.recipe() == recipe()


def test_another_recipe_is_taken_where_that_was_asked_for(home):
    home.adopt(recipe())
    make(home.lake, "caption_seeds", "shard-0000", ids(1))
    home.adopt(recipe(name="other"), change=True)
    assert home.recipe() == recipe(name="other")


@pytest.mark.parametrize("here", ["float32", "bfloat16"])
def test_what_the_recipe_leaves_to_the_machine_is_written_down_and_stays(home, monkeypatch, here):
    left = recipe(encoder={"dtype": "auto"})
    monkeypatch.setattr(precision, "native", lambda: here)
    assert home.settled(left).encoder.dtype == Tools(home, left).recipe.encoder.dtype == here
    home.adopt(left)
    assert home.recipe() == recipe(encoder={"dtype": here})
    monkeypatch.setattr(precision, "native", lambda: "another machine's")
    written = home.recipe_file.read_bytes()
    home.adopt(left)
    assert home.recipe_file.read_bytes() == written
    assert Tools(home, left).recipe == Tools.at(home).recipe == home.recipe()


def test_a_home_from_before_there_was_a_choice_stays_with_float32(home, monkeypatch):
    monkeypatch.setattr(precision, "native", lambda: "bfloat16")
    home.recipe_file.write_text(dump(recipe()).replace('dtype = "float32"\n', ""))
    home.adopt(recipe(encoder={"dtype": "auto"}))
    assert home.recipe() == recipe()
    with pytest.raises(RecipeError, match=r"encoder\.dtype: 'float32' -> 'bfloat16'"):
        home.adopt(recipe(encoder={"dtype": "bfloat16"}))


def test_auto_that_was_written_into_home_by_hand_is_settled(home, monkeypatch):
    monkeypatch.setattr(precision, "native", lambda: "bfloat16")
    home.recipe_file.write_text(dump(recipe(encoder={"dtype": "auto"})))
    home.adopt(Tools.at(home).recipe)
    assert home.recipe() == recipe(encoder={"dtype": "bfloat16"})


@pytest.mark.parametrize("change", [True, False])
def test_another_number_of_shards_is_refused_once_there_are_shards(home, change):
    home.adopt(recipe(shards=4))
    make(home.lake, "caption_seeds", "shard-0000", ids(1))
    with pytest.raises(RecipeError, match="has 4 shards; this recipe has 8") as caught:
        home.adopt(recipe(shards=8), change=change)
    assert caught.value.cure == "keep --shards 4, use another --home, or move what stands with `unicorn reshard 8`."
    assert home.recipe().shards == 4


def test_another_number_of_shards_is_fine_before_there_are_any(home):
    home.adopt(recipe(shards=4))
    make(home.lake, "seed_sources", ALL, ids(1))
    home.adopt(recipe(shards=8), change=True)
    assert home.recipe().shards == 8


def test_a_lost_recipe_does_not_let_fewer_shards_in(home):
    make(home.lake, "caption_seeds", "shard-0006", ids(1))
    with pytest.raises(RecipeError, match="has 7 shards; this recipe has 4"):
        home.adopt(recipe(shards=4))
    home.adopt(recipe(shards=8))


@pytest.mark.parametrize("damage", ["name = ", 'name = "small"\n', ""])
def test_a_damaged_recipe_is_named_and_never_written_over(home, damage):
    home.recipe_file.write_text(damage)
    for attempt in (home.recipe, lambda: home.adopt(recipe(), change=True)):
        with pytest.raises(RecipeError, match=r"home/recipe\.toml is not"):
            attempt()
    assert home.recipe_file.read_text() == damage


def test_a_kill_while_adopting_leaves_the_old_recipe_or_the_new_one(home):
    seen = set()
    for call in range(10):
        home.adopt(recipe(shards=4), change=True)
        status = ended(killed_at, call, adopt, home.path, 8)
        seen.add((status, home.recipe().shards))
        if status == 0:
            break
    assert seen == {(-9, 4), (-9, 8), (0, 8)}


def test_every_shard_has_a_store_of_its_own(home):
    assert home.answers("expanded_captions", "shard-0001") == home.path / "answers/expanded_captions/shard-0001"

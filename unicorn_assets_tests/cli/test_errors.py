"""Wrong input on the command line: one clear error that names what is wrong and the cure, never a traceback."""

import gzip
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.home import Home
from unicorn_assets_tests.conftest import materialize

UNICORN = Path(sys.executable).with_name("unicorn")


def unicorn(*arguments, **options):
    done = subprocess.run(
        [UNICORN, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, **options
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def refused(*arguments, says, **options):
    done = unicorn(*arguments, **options)
    assert done.returncode == 1, done.stdout + done.stderr
    text = done.stdout + done.stderr
    for part in says:
        assert part in text, text
    assert "To mend it:" in text
    return text


def lines(path, *texts):
    path.write_text("".join(json.dumps({"caption": text}) + "\n" for text in texts))
    return path


def test_unknown_recipe(home):
    refused("run", "--recipe", "nonesuch", "--home", home.path, says=["'nonesuch'", "demo"])


def test_unknown_recipe_key(tmp_path, home):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nshard = 3\n[[seeds.sources]]\nname = "a"\npath = "a.jsonl"\n')
    refused("run", "--recipe", path, "--home", home.path, says=["shard", "there is no such key", str(path)])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.jsonl", None, "gone.jsonl"),
        ("empty.jsonl", b"", "empty.jsonl"),
        ("short.jsonl.gz", gzip.compress(b'{"caption": "A dog on a long beach."}\n' * 5000)[:-20], "short.jsonl.gz"),
        ("columns.csv", b"alpha,beta\n1,2\n", "alpha"),
        ("quote.csv", b'caption\n"A dog that never ends\nA cat on a mat\n', "quote.csv"),
        ("not.parquet", b"PAR1 not really", "not.parquet"),
        ("wide.txt", "A dog on a beach.\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_seed_files_that_cannot_be_used(tmp_path, home, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    text = refused("run", "--seeds", path, "--home", home.path, says=[name, says])
    assert "seed_sources" in text
    assert not home.lake.rows("seed_sources", "all").exists()


def test_a_directory_as_seeds(tmp_path, home):
    refused("run", "--seeds", tmp_path, "--home", home.path, says=[str(tmp_path)])


def test_rows_that_are_wrong_are_rejected_one_by_one(tmp_path, home, recipe):
    path = tmp_path / "mixed.jsonl"
    good = [f"A {colour} boat lies near the old pier." for colour in ("red", "blue", "green", "white", "brown")]
    rows = [json.dumps({"caption": text}).encode() for text in good]
    rows += [b'{"caption": "bad \xff bytes here"}', b'{"caption": "nul \x00 inside of it"}', b"{not json", b"[1, 2]"]
    rows += [b'{"caption": "' + b"word " * 2_000_000 + b'"}', b'{"caption": null}', b'{"caption": "too short"}']
    rows += [json.dumps({"caption": good[0]}).encode()]
    path.write_bytes(b"\n".join(rows) + b"\n")
    materialize(home, recipes.adjusted(recipe, seeds=[path]))
    made = home.lake.need("seed_sources", "all")
    assert made.rows_in == 13
    assert made.rows_out == 5
    assert sum(made.rejected.values()) == 8
    reasons = {"bad_encoding", "nul_byte", "invalid_json", "not_an_object", "row_too_large", "no_caption", "duplicate"}
    assert reasons <= set(made.rejected)


def test_another_recipe_on_the_same_home_is_shown_and_refused(tmp_path, home, recipe):
    home.prepare()
    home.adopt(recipe)
    text = refused("run", "--recipe", "demo", "--home", home.path, says=["holds another recipe", "--change-recipe"])
    assert "shards: 3 -> 4" in text
    assert "alignment.sample: 16 -> 96" in text


def test_another_shard_count_on_a_lake_is_refused_even_with_change(home, recipe):
    materialize(home, recipe)
    refused("run", "--shards", 5, "--change-recipe", "--home", home.path, says=["has 3 shards", "--shards 3"])


def test_two_runs_on_one_home(home, recipe):
    home.prepare()
    home.adopt(recipe)
    with home.lock():
        refused("run", "--home", home.path, says=["Another process", str(os.getpid()), str(home.path)])


def test_home_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    refused("run", "--home", tmp_path / "file" / "home", says=[str(tmp_path / "file")])


def test_read_only_home():
    refused("run", "--home", "/proc/unicorn", says=["/proc/unicorn"])


def test_full_disk_leaves_no_half_file(tmp_path, home, recipe):
    """A limit on file sizes stands in for the full disk: both refuse the write, and this one needs no mount."""
    home.prepare()
    home.adopt(recipe)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))

    refused("run", "--home", home.path, says=["disk"], preexec_fn=limit)
    assert not list(home.lake.root.glob("*/*.parquet"))
    assert not list(home.path.rglob("*.tmp"))
    materialize(home, recipe)


def test_a_broken_sidecar_is_made_again(home, recipe):
    materialize(home, recipe)
    path = home.lake.sidecar_path("curated_captions", "shard-0000")
    whole = path.read_text()
    path.write_text(whole[:100])
    materialize(home, recipe)
    assert json.loads(path.read_text())["fingerprint"] == json.loads(whole)["fingerprint"]


def test_query_that_is_wrong(home, recipe):
    materialize(home, recipe)
    refused("sql", "SELECT nonesuch FROM materializations", "--home", home.path, says=["nonesuch", "materializations"])


def test_trace_of_an_id_that_is_not_there(home, recipe):
    materialize(home, recipe)
    refused("trace", "0" * 20, "--home", home.path, says=["0" * 20])


def test_init_does_not_overwrite(tmp_path):
    (tmp_path / "recipe.toml").write_text("mine")
    refused("init", tmp_path / "recipe.toml", says=["is there already"])
    assert (tmp_path / "recipe.toml").read_text() == "mine"


def test_port_that_is_taken(home, recipe):
    import socket

    home.prepare()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused("dev", "--port", port, "--home", home.path, says=[str(port)])


def test_home_of_an_environment_variable(tmp_path, home, recipe):
    home.prepare()
    home.adopt(recipe)
    done = unicorn("status", env=os.environ | {"UNICORN_HOME": str(home.path)})
    assert done.returncode == 0
    assert str(home.path) in done.stdout.replace("\n", "")
    assert Home.resolve(tmp_path).path == tmp_path

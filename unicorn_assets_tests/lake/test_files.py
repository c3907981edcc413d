import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import clear_leftovers, explained, sha256, temporary, write_whole
from unicorn_assets.recipe import CHECKOUT
from unicorn_assets_tests.lake.making import ended, killed_at, limited


@settings(deadline=None, max_examples=40)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_text_comes_back_as_it_was_written(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("files") / "new" / "a.json"
    write_whole(path, text)
    assert path.read_bytes() == text.encode()
    assert [one.name for one in path.parent.iterdir()] == ["a.json"]


def test_a_kill_leaves_the_old_text_or_the_new_one(tmp_path):
    path = tmp_path / "a.json"
    seen = set()
    for call in range(10):
        path.write_text("old")
        status = ended(killed_at, call, write_whole, path, "new")
        seen.add((status, path.read_text()))
        clear_leftovers(tmp_path, "a.json")
        assert [one.name for one in tmp_path.iterdir()] == ["a.json"]
        if status == 0:
            break
    assert seen == {(-9, "old"), (-9, "new"), (0, "new")}


def test_a_file_that_may_not_grow_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    told = limited(10_000, write_whole, path, "x" * 20_000)
    assert told == f"LakeError {path} cannot be written: File too large.\n" + (
        "  To mend it: a file may not grow so large here; raise the limit (`ulimit -f`) and run again."
    )
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    "write", [lambda out: out.write(b"x"), lambda out: pq.write_table(pa.table({"id": ["a"]}), out)]
)
def test_a_full_disk_says_so_in_the_words_of_python_and_of_pyarrow(write):
    # Opened here: given the path, pyarrow would delete the device after the failure, which root may do.
    full = Path("/dev/full")
    with pytest.raises(LakeError, match=r"/dev/full cannot be written: No space left.*\n.*free some space"):
        write_to(full, write)
    assert full.is_char_device()


def write_to(path: Path, write) -> None:
    with explained(path), path.open("wb", buffering=0) as out:
        write(out)


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("file/a/b", "Not a directory"),
        ("file", "File exists"),
        ("x" * 300, "File name too long"),
        ("/proc/nothing", "No such file"),
    ],
)
def test_a_place_that_takes_no_file_is_named_with_a_cure(tmp_path, folder, reason):
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match=reason) as caught:
        write_whole(tmp_path / folder / "a.json", "text")
    assert "another --home" in caught.value.cure
    assert "see the reason" not in caught.value.cure


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(LakeError, match="a folder stands where a file is needed") as caught:
        write_whole(tmp_path / "a.json", "text")
    assert f"{tmp_path}/a.json cannot be written" in caught.value.what
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_the_file_at_fault_is_named_and_not_the_one_being_made(tmp_path):
    with pytest.raises(LakeError, match=r"seeds\.csv"), explained(tmp_path / "shard"):
        (tmp_path / "seeds.csv").read_text()


def test_leftovers_of_one_name_go_and_all_else_stays(tmp_path):
    mine = [temporary(tmp_path / "shard-0000.json"), tmp_path / ".shard-0000.json.77.tmp"]
    others = [tmp_path / "shard-0000.json", tmp_path / ".shard-0001.json.77.tmp", tmp_path / ".shard-0000.json.keep"]
    for path in mine + others:
        path.write_text("")
    folder = tmp_path / ".shard-0000.json.x1.tmp"
    (folder / "deep").mkdir(parents=True)
    clear_leftovers(tmp_path, "shard-0000.json")
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_sha256_is_the_usual_one(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


ON_A_DISK_OF_ITS_OWN = """
mount -t tmpfs -o size=300k tmpfs "$1" || exit 77
cd "$1" && "$2" -c "$3"
"""


def on_a_small_disk(folder: Path, script: str) -> str:
    """What a process says of a script in a file system of its own of 300 KB, seen by that process alone."""
    unshare = ["unshare", "--map-root-user", "--mount", "sh", "-c", ON_A_DISK_OF_ITS_OWN, "sh"]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    done = subprocess.run(
        [*unshare, folder, sys.executable, script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_disk_that_is_really_full_keeps_the_old_shard_and_says_so(tmp_path):
    told = on_a_small_disk(
        tmp_path,
        """
import os
from pathlib import Path
from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained, sha256
from unicorn_assets.lake.layout import Lake
from unicorn_assets_tests.lake.making import ids, make
lake = Lake(Path.cwd() / "lake")
make(lake, "expanded", "shard-0000", ids(2))
try:
    with explained(lake.root):
        make(lake, "expanded", "shard-0000", ids(9), text=os.urandom(400_000).hex())
except LakeError as error:
    print(error.what, error.cure)
found = lake.need("expanded", "shard-0000")
print(found.rows_out, all(sha256(lake.root / "expanded" / file.name) == file.sha256 for file in found.files.values()))
print(sorted(path.name for path in (lake.root / "expanded").iterdir()))
""",
    )
    error, standing, names = told.splitlines()
    assert "cannot be written: No space left on device." in error
    assert "free some space and run again" in error
    assert standing == "2 True"
    assert names == "['set_aside', 'shard-0000.json', 'shard-0000.parquet']"


def test_a_home_that_is_really_read_only_is_named_before_any_work(tmp_path):
    told = on_a_small_disk(
        tmp_path,
        """
import subprocess
from pathlib import Path
from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
home = Home(Path.cwd() / "home")
home.prepare()
subprocess.run(["mount", "-o", "remount,ro", Path.cwd()], check=True)
for work in (home.prepare, home.lock().__enter__, lambda: home.catalog.mark("a", "b")):
    try:
        work()
    except LakeError as error:
        print(error.what, error.cure)
""",
    )
    lines = told.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert f"{tmp_path}/home" in line
        assert "cannot be written: Read-only file system. the file system is read-only; use another --home" in line

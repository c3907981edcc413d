"""`unicorn transfer` end to end: on both formats and types, what is kept, what is refused, and what a kill leaves."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest

from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets_tests.cli.test_errors import UNICORN, refused, unicorn
from unicorn_assets_tests.lake.test_embedding_files import read, table, write
from unicorn_assets_tests.transfer.references import images, names, reference, texts, unit

METHODS = {
    "none": [],
    "mean_shift": [],
    "c3": ["--noise-sigma", 0.05, "--noise-seed", 3],
    "realign": [],
    "aniso": [],
    "matched": [],
}


@pytest.fixture
def text(tmp_path):
    return write(tmp_path / "T.arrow", texts(), names(400))


@pytest.fixture
def image(tmp_path):
    return write(tmp_path / "I.arrow", images(), names(300))


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("suffix", "dtype"), [(".arrow", np.float16), (".parquet", np.float32)])
def test_every_method_from_file_to_file(tmp_path, method, suffix, dtype):
    ids = names(400)
    text = write(tmp_path / f"T{suffix}", texts(dtype=dtype), ids)
    image = write(tmp_path / f"I{suffix}", images(dtype=dtype), names(300))
    out = tmp_path / f"O{suffix}"
    given = ["--images", image] if method not in ("none", "mean_shift", "c3") else []
    done = unicorn("transfer", "--method", method, "--text", text, *given, "--out", out, *METHODS[method])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out)
    assert "400 rows carried over" in done.stdout
    assert ("settle at about 10,000" in done.stderr) == (method != "none")
    found, vectors = read(out)
    assert (found, vectors.dtype) == (ids, dtype)
    exact = reference(method, texts(dtype=dtype), images(dtype=dtype), ids)
    assert np.abs((unit(vectors.astype(np.float64)) * unit(exact)).sum(axis=1) - 1).max() < 1e-6
    assert files(tmp_path) == sorted([text.name, image.name, out.name])


def test_formats_and_types_mix_and_the_bytes_are_the_same_again(tmp_path, text, image):
    outs = [tmp_path / name for name in ("a.arrow", "b.arrow", "c.parquet")]
    for out in outs:
        given = ("--images", image, "--out", out, "--dtype", "float16")
        assert unicorn("transfer", "--method", "c3", "--text", text, *given).returncode == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    (ids, vectors), (others, same) = read(outs[0]), read(outs[2])
    assert ids == others
    assert vectors.dtype == np.float16
    assert vectors.tobytes() == same.tobytes()


def test_noise_follows_the_id_into_other_files(tmp_path, text, image):
    fit, out = tmp_path / "fit.safetensors", tmp_path / "O.arrow"
    given = ("--images", image, "--save-fit", fit, "--out", out)
    assert unicorn("transfer", "--method", "c3", "--text", text, *given).returncode == 0
    order = np.random.default_rng(0).permutation(400)
    other = write(tmp_path / "other.parquet", texts()[order], [names(400)[number] for number in order])
    again = tmp_path / "again.arrow"
    assert unicorn("transfer", "--fit", fit, "--text", other, "--out", again).returncode == 0
    assert read(again)[1].tobytes() == read(out)[1][order].tobytes()


def test_a_fit_is_kept_and_used_again(tmp_path, text, image):
    fit, outs = tmp_path / "fit.safetensors", [tmp_path / "a.arrow", tmp_path / "b.arrow"]
    given = ("--images", image, "--save-fit", fit, "--out", outs[0])
    assert unicorn("transfer", "--method", "realign", "--text", text, *given).returncode == 0
    loaded = FittedTransfer.load(fit)
    assert (loaded.method.name, loaded.sample, loaded.images) == ("realign", 400, 300)
    assert set(loaded.fingerprints) == {"text", "images"}
    assert unicorn("transfer", "--fit", fit, "--text", text, "--out", outs[1]).returncode == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    refused("transfer", "--fit", fit, "--method", "none", "--text", text, "--out", outs[1], says=["holds the method"])
    wide = write(tmp_path / "wide.arrow", texts(width=25))
    says = ["wide.arrow has 25 dimensions, the fitted transfer 24"]
    refused("transfer", "--fit", fit, "--text", wide, "--out", outs[1], says=says)
    empty = write(tmp_path / "empty.arrow", texts(0))
    assert unicorn("transfer", "--fit", fit, "--text", empty, "--out", outs[1]).returncode == 0
    assert list(read_rows(outs[1])) == []


def read_rows(path):
    with pa.OSFile(str(path)) as source:
        return pa.ipc.open_file(source).read_all().to_pylist()


@pytest.mark.parametrize("method", METHODS)
def test_images_are_made_ready_by_the_rule_of_a_fit(tmp_path, text, image, method):
    fit, out, own = tmp_path / "fit.safetensors", tmp_path / "O.arrow", tmp_path / "own.safetensors"
    given = ["--images", image] if method not in ("none", "mean_shift", "c3") else []
    kept = ("--save-fit", fit, "--out", out)
    assert unicorn("transfer", "--method", method, "--text", text, *given, *METHODS[method], *kept).returncode == 0
    done = unicorn("transfer", "--fit", fit, "--images", image, "--out", out, "--save-fit", own)
    assert done.returncode == 0, done.stderr
    rule = FittedTransfer.load(fit).method.image_rule()
    assert f"300 images made ready for {method}" in done.stdout
    assert rule.text in done.stdout
    assert ("The mean is that of 300 images" in done.stderr) == rule.own_mean
    ids, vectors = read(out)
    assert ids == names(300)
    assert np.allclose(vectors, rule.carry(images()).vectors, atol=1e-6)
    # What was learned of these images serves others, one alone too.
    single, again = write(tmp_path / "one.arrow", images(1, seed=7)), tmp_path / "again.arrow"
    assert unicorn("transfer", "--fit", own, "--text", single, "--out", again).returncode == 0
    assert np.allclose(read(again)[1], rule.carry(images(1, seed=7), images()).vectors, atol=1e-6)


def test_a_release_folder_is_a_fit_and_what_images_lack_is_said(tmp_path, text, image):
    folder = tmp_path / "release"
    folder.mkdir()
    out = ("--out", tmp_path / "O.arrow")
    refused("transfer", "--fit", folder, "--images", image, *out, says=["no fitted transfer", "transfer.safetensors"])
    given = ("--method", "mean_shift", "--text", text, "--save-fit", folder / "transfer.safetensors")
    assert unicorn("transfer", *given, *out).returncode == 0
    assert "300 images made ready" in unicorn("transfer", "--fit", folder, "--images", image, *out).stdout
    wide = write(tmp_path / "wide.arrow", images(width=25))
    says = ["wide.arrow has 25 dimensions, the fitted transfer 24"]
    refused("transfer", "--fit", folder, "--images", wide, *out, says=says)
    single = write(tmp_path / "one.arrow", images(1))
    refused("transfer", "--fit", folder, "--images", single, *out, says=["There are 1 embeddings"])
    refused("transfer", "--images", image, *out, says=["No --text is given", "--fit and --images"])
    refused("transfer", "--method", "realign", "--images", image, *out, says=["No --text is given"])
    refused("transfer", "--fit", folder, *out, says=["No --text is given"])


def test_no_file_is_read_and_written_and_none_is_named_twice(tmp_path, text, image):
    fit, out = tmp_path / "fit.safetensors", tmp_path / "O.arrow"
    given = ("--method", "mean_shift", "--text", text, "--images", image)
    assert unicorn("transfer", *given, "--out", out, "--save-fit", fit).returncode == 0
    before = {path: path.read_bytes() for path in (text, image, fit, out)}
    twice = ["--out and by --save-fit", "another name"]
    refused("transfer", *given, "--out", out, "--save-fit", out, says=twice)
    new = tmp_path / "new.arrow"
    refused("transfer", *given, "--out", new, "--save-fit", new, says=twice)
    for source in (text, image):
        refused("transfer", *given, "--out", source, says=[f"{source} is read and written", "give --out"])
        refused("transfer", *given, "--out", out, "--save-fit", source, says=[f"{source} is read", "give --save-fit"])
    used = ("--fit", fit, "--images", image, "--out", out)
    refused("transfer", *used, "--save-fit", fit, says=["fit.safetensors is read and written", "give --save-fit"])
    refused("transfer", "--fit", fit, "--text", text, "--out", out, "--save-fit", new, says=["nothing is fitted"])
    assert {path: path.read_bytes() for path in before} == before


def test_rows_that_are_lost_are_left_out_and_named(tmp_path):
    rows = np.tile(texts(1), (5, 1))
    rows[4] = unit(-rows[4:5] + np.eye(24)[:1])[0]
    rows[3] = texts(2)[1]
    fit, out = tmp_path / "fit.safetensors", tmp_path / "O.arrow"
    same = write(tmp_path / "same.arrow", np.tile(texts(1), (3, 1)))
    assert unicorn(
        "transfer", "--method", "mean_shift", "--text", same, "--out", out, "--save-fit", fit
    ).stdout.startswith("0 rows carried over")
    some = write(tmp_path / "some.arrow", rows, ["a", "b", "c", "d", "e"])
    done = unicorn("transfer", "--fit", fit, "--text", some, "--out", out)
    assert "2 rows carried over" in done.stdout
    assert "3 rows are left out, since nothing was left of them: a, b, c." in done.stdout
    assert read(out)[0] == ["d", "e"]


@pytest.mark.parametrize(
    ("method", "side"),
    [
        ("mean_shift", "T.arrow"),
        ("realign", "T.arrow"),
        ("realign", "I.arrow"),
        ("aniso", "T.arrow"),
        ("matched", "I.arrow"),
    ],
)
def test_a_wrong_row_is_named_with_its_file_and_nothing_is_left(tmp_path, text, image, method, side):
    rows = (texts if side == "T.arrow" else images)(300)
    rows[123] *= 3
    write(tmp_path / side, rows)
    given = ("--text", text, "--images", image, "--out", tmp_path / "O.arrow")
    says = [f"{side}: Row 123 is not of unit norm (its norm is 3)", "divide each row by its norm"]
    refused("transfer", "--method", method, *given, says=says)
    assert files(tmp_path) == ["I.arrow", "T.arrow"]


def test_what_a_fit_cannot_do_without_is_said(tmp_path, text, image):
    out = ("--out", tmp_path / "O.arrow")
    for method in ("realign", "aniso", "matched"):
        refused("transfer", "--method", method, "--text", text, *out, says=[f"{method} needs images", "--images"])
    refused("transfer", "--text", text, *out, says=["Neither --method nor --fit is given"])
    wide = write(tmp_path / "wide.arrow", images(width=25))
    says = ["T.arrow has 24 dimensions and", "wide.arrow has 25"]
    refused("transfer", "--method", "realign", "--text", text, "--images", wide, *out, says=says)
    for number in (0, 1):
        few = write(tmp_path / "few.arrow", texts(number))
        refused("transfer", "--method", "mean_shift", "--text", few, *out, says=[f"There are {number} embeddings"])
    refused("transfer", "--method", "none", "--text", text, "--out", tmp_path / "O.npy", says=["ends in .arrow"])
    refused("transfer", "--method", "none", "--text", text, "--out", text, says=["is read and written at once"])
    bad = table(tmp_path / "bad.arrow", id=pa.array(["a"]))
    refused("transfer", "--method", "none", "--text", bad, *out, says=["bad.arrow holds (id: string)"])
    noise = ("--noise-sigma", 0.1, "--noise-cosine", 0.9)
    refused("transfer", "--method", "c3", "--text", text, *noise, *out, says=["both as sigma and as cosine"])
    assert not (tmp_path / "O.arrow").exists()


SLOW = """
import os, time
from unicorn_assets.cli.main import entry
from unicorn_assets.transfer.mean_shift import MeanShift
apply = MeanShift.apply
def slow(self, rows, first=0, ids=None):
    if first > 4096:
        os.write(1, b"slow\\n")  # at once: several threads come here
        time.sleep(60)
    return apply(self, rows, first, ids)
MeanShift.apply = slow
entry()
"""


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_in_the_middle_leaves_no_output_and_the_next_run_clears_up(tmp_path, kill):
    text, out = write(tmp_path / "T.arrow", texts(9000)), tmp_path / "O.arrow"
    options = ["transfer", "--method", "mean_shift", "--text", str(text), "--out", str(out)]
    process = subprocess.Popen([sys.executable, "-c", SLOW, *options], stdout=subprocess.PIPE, env={**os.environ})
    assert process.stdout is not None
    assert process.stdout.readline() == b"slow\n"
    time.sleep(0.1)
    process.send_signal(kill)
    process.wait(30)
    process.stdout.close()
    assert not out.exists()
    done = subprocess.run([UNICORN, *options], capture_output=True, timeout=60, check=True)
    assert b"9,000 rows carried over" in done.stdout
    assert files(tmp_path) == ["O.arrow", "T.arrow"]


def test_a_result_that_was_there_stays_until_the_new_one_is_whole(tmp_path, text):
    out = tmp_path / "O.arrow"
    out.write_bytes(b"old")
    bad = texts(50)
    bad[40] = 0
    write(text, bad)
    refused("transfer", "--method", "none", "--text", text, "--out", out, says=["Row 40 is a zero vector"])
    assert out.read_bytes() == b"old"
    write(text, texts(50))
    assert unicorn("transfer", "--method", "none", "--text", text, "--out", out).returncode == 0
    assert read(out)[1].tobytes() == texts(50).tobytes()

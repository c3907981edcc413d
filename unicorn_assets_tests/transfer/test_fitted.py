"""The file of a fitted transfer: round trips, versions, and every way to be no such file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from unicorn_assets.errors import LakeError
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.mean_shift import MeanShift

MEAN = np.array([0.25, -0.5, 0.125])


def fitted(mean=MEAN, renormalise=True, sample=100, **fingerprints):
    return FittedTransfer(MeanShift(mean, renormalise), sample, fingerprints or {"text_embeddings": "abc"})


def header(path):
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return json.loads(json.loads(file.read(size))["__metadata__"]["unicorn_transfer"])


def rewrite(path, description):
    save_file(load_file(path), path, metadata={"unicorn_transfer": json.dumps(description)})


@given(
    mean=st.lists(st.floats(-1, 1), min_size=1, max_size=20),
    renormalise=st.booleans(),
    sample=st.integers(2, 10**9),
    fingerprints=st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=3),
)
@settings(deadline=None, max_examples=40)
def test_what_is_saved_is_loaded(tmp_path_factory, mean, renormalise, sample, fingerprints):
    path = tmp_path_factory.mktemp("transfer") / "all.safetensors"
    saved = FittedTransfer(MeanShift(np.array(mean), renormalise), sample, fingerprints)
    saved.save(path)
    loaded = FittedTransfer.load(path)
    assert loaded.method.tensors["mean"].tobytes() == np.array(mean).tobytes()
    assert loaded.method.parameters == {"renormalise": renormalise}
    assert (loaded.sample, loaded.fingerprints, loaded.version) == (sample, fingerprints, saved.version)


def test_a_loaded_transfer_carries_rows_to_the_same_bytes(tmp_path):
    rows = np.eye(3, dtype=np.float16)
    fitted().save(tmp_path / "a")
    assert (
        FittedTransfer.load(tmp_path / "a").method.apply(rows).vectors.tobytes()
        == fitted().method.apply(rows).vectors.tobytes()
    )


def test_the_version_follows_the_content_and_nothing_else():
    nudged = MEAN.copy()
    nudged[0] = np.nextafter(nudged[0], 1)
    others = [fitted(nudged), fitted(renormalise=False), fitted(sample=99), fitted(text_embeddings="abd")]
    versions = [one.version for one in [fitted(), *others]]
    assert len(set(versions)) == len(versions)
    assert fitted(a="1", b="2").version == fitted(b="2", a="1").version
    assert fitted().version == "3130926d42dbce3f4909fea5cb95157c"


def test_every_process_writes_the_same_bytes(tmp_path):
    code = (
        "import sys; from pathlib import Path; from unicorn_assets_tests.transfer.test_fitted import fitted; "
        "fitted(b='2', a='1').save(Path(sys.argv[1]))"
    )
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            check=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_file_that_is_missing_cut_short_or_foreign_is_refused(tmp_path):
    path = tmp_path / "all.safetensors"
    with pytest.raises(LakeError, match="There is no fitted transfer"):
        FittedTransfer.load(path)
    fitted().save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        with pytest.raises(LakeError, match=r"all\.safetensors") as caught:
            FittedTransfer.load(path)
        assert "fit the transfer again" in caught.value.cure
    with pytest.raises(LakeError, match="cannot be read as safetensors"):
        FittedTransfer.load(tmp_path)


def test_a_damaged_tensor_is_refused(tmp_path):
    path = tmp_path / "a"
    fitted().save(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(LakeError, match="is damaged"):
        FittedTransfer.load(path)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"format": 2}, "has format 2; this program reads format 1"),
        ({"method": "magic"}, "the method 'magic', which this program does not have"),
        ({"sample": 7}, "does not have the hash"),
        ({"dimension": 4}, "does not have the hash"),
        ({"version": "0" * 32}, "does not have the hash"),
        ({"parameters": {"renormalise": False}}, "does not have the hash"),
        ({"parameters": {}}, "are not those of a mean shift"),
        ({"parameters": {"renormalise": 1}}, "are not those of a mean shift"),
        ({"parameters": {"renormalise": True, "more": 1}}, "are not those of a mean shift"),
        ({"sample": "7"}, "header does not fit"),
        ({"surprise": 1}, "header does not fit"),
    ],
)
def test_a_changed_header_is_refused(tmp_path, changes, what):
    path = tmp_path / "a"
    fitted().save(path)
    rewrite(path, {**header(path), **changes})
    with pytest.raises(LakeError, match=what):
        FittedTransfer.load(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"mean": MEAN, "more": MEAN},
        {"mean": MEAN.astype(np.float32)},
        {"mean": MEAN[None]},
        {"mean": np.array([np.nan, 0, 0])},
    ],
)
def test_other_tensors_are_refused(tmp_path, tensors):
    path = tmp_path / "a"
    fitted().save(path)
    save_file(tensors, path, metadata={"unicorn_transfer": json.dumps(header(path))})
    with pytest.raises(LakeError, match="are not those of a mean shift"):
        FittedTransfer.load(path)


def test_safetensors_of_another_program_are_refused(tmp_path):
    save_file({"mean": MEAN}, tmp_path / "a")
    with pytest.raises(LakeError, match="no fitted transfer of this program"):
        FittedTransfer.load(tmp_path / "a")


@pytest.mark.parametrize("path", [Path("/dev/full"), Path("none/a")])
def test_a_file_that_cannot_be_written_is_named(path):
    if path.is_absolute() and not path.exists():
        pytest.skip("the system has no /dev/full")
    with pytest.raises(LakeError, match=str(path)):
        fitted().save(path)

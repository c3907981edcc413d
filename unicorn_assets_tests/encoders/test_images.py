"""Image towers on a small random CLIP, and image files of every kind, damaged ones too."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from unicorn_assets.encoders.image_files import SUFFIXES, UnreadableImageError, image_files, read_image
from unicorn_assets.encoders.images import BATCH, SentenceImageEncoder
from unicorn_assets.errors import EncoderError, ImageError
from unicorn_assets.lake.files import sha256
from unicorn_assets_tests.encoders.pictures import KINDS, fill, picture
from unicorn_assets_tests.encoders.tiny_clip import DIMENSION, SIDE, tiny_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp("clip"))


def test_vectors_are_those_of_plain_transformers(clip):
    import torch
    from transformers import CLIPModel, CLIPProcessor

    images = [picture(seed) for seed in range(BATCH + 3)]
    encoder = SentenceImageEncoder(str(clip))
    found = encoder.encode(images)
    assert (found.shape, found.dtype, encoder.dimension) == ((BATCH + 3, DIMENSION), np.float32, DIMENSION)
    prepared = CLIPProcessor.from_pretrained(clip)(images=images, return_tensors="pt")
    with torch.no_grad():
        plain = CLIPModel.from_pretrained(clip).get_image_features(**prepared)
    plain = getattr(plain, "pooler_output", plain).numpy()
    assert np.abs(found - plain).max() < 1e-5
    assert encoder.encode(images).tobytes() == found.tobytes()
    assert encoder.encode([]).shape == (0, DIMENSION)
    encoder.close()
    assert encoder.encode(images[:2]).shape == (2, DIMENSION)


def test_identity_loads_nothing_and_follows_the_files(clip, tmp_path):
    code = (
        "import json, sys; from unicorn_assets.encoders.images import SentenceImageEncoder; "
        f"print(json.dumps(SentenceImageEncoder({str(clip)!r}, 'v1').identity())); "
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'PIL'} & set(sys.modules); assert not heavy, heavy"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    identity = json.loads(shown.stdout)
    assert (identity["model"], identity["revision"], identity["batch_size"]) == (str(clip), "v1", BATCH)
    other = shutil.copytree(clip, tmp_path / "other")
    same = SentenceImageEncoder(str(other)).identity()
    assert same["files"] == identity["files"]
    (other / "processor_config.json").write_text("{}")
    assert SentenceImageEncoder(str(other)).identity()["files"] != identity["files"]


def test_a_model_of_texts_alone_is_refused():
    with pytest.raises(EncoderError, match=r"all-MiniLM-L6-v2 in .* reads no images, only text") as caught:
        _ = SentenceImageEncoder("all-MiniLM-L6-v2").dimension
    assert "image tower" in caught.value.cure


def test_a_damaged_model_is_named(clip, tmp_path):
    broken = shutil.copytree(clip, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(EncoderError, match=r"image encoder .*broken in .* cannot be loaded"):
        _ = SentenceImageEncoder(str(broken)).dimension


def test_a_folder_gives_its_images_by_name_and_leaves_the_rest(tmp_path):
    names = fill(tmp_path, 7)
    (tmp_path / "README.md").write_text("about these images")
    (tmp_path / "old.gif").mkdir()
    (tmp_path / "LOUD.PNG").write_bytes((tmp_path / "below" / "000.png").read_bytes())
    found = image_files(tmp_path)
    assert [one.name for one in found] == sorted([*names, "LOUD.PNG"])
    assert [one.sha256 for one in found] == [sha256(one.file) for one in found]
    ids = {one.name: one.id for one in found}
    assert ids["LOUD.PNG"] == ids["below/000.png"] != ids["001.jpg"]
    assert {f".{kind}" for kind in KINDS} <= set(SUFFIXES)


def test_a_file_that_cannot_be_read_has_no_content(tmp_path):
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    [found] = image_files(tmp_path)
    assert (found.name, found.sha256, found.id) == ("gone.png", "", "")


def test_no_folder_and_no_images_are_said(tmp_path):
    with pytest.raises(ImageError, match=f"There is no folder {tmp_path}/nowhere"):
        image_files(tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ImageError, match="holds no images") as caught:
        image_files(tmp_path)
    assert ".webp" in caught.value.cure


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "LA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    kind = "tiff" if mode in ("CMYK", "I;16") else "png"
    picture(1, mode=mode if mode != "I;16" else "I").convert(mode).save(tmp_path / f"a.{kind}")
    assert read_image(tmp_path / f"a.{kind}").mode == "RGB"


def test_transparency_and_the_cameras_turn_are_seen_to(tmp_path):
    palette = picture(2).convert("P")
    palette.info["transparency"] = bytes(range(256))
    palette.save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png").size == (24, 20)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(2).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").size == (20, 24)


def test_what_is_no_image_says_why(tmp_path):
    for kind in KINDS:
        whole = tmp_path / f"whole.{kind}"
        picture(3, size=(200, 160)).save(whole)
        (tmp_path / f"cut.{kind}").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.gif").mkdir()
    for name in ("cut.png", "cut.jpg", "cut.bmp", "text.png", "empty.jpg", "folder.gif", "nowhere.png"):
        with pytest.raises(UnreadableImageError, match="Error"):
            read_image(tmp_path / name)


def test_an_image_that_would_fill_the_memory_is_not_decoded(tmp_path, monkeypatch):
    picture(4, size=(SIDE * 20, SIDE * 20)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UnreadableImageError, match="DecompressionBomb"):
        read_image(tmp_path / "bomb.png")

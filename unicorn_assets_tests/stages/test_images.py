"""`image_reference`: folders and ready files, what is set aside, what is refused, and what makes it stale."""

import shutil

import numpy as np
import pyarrow as pa
import pytest

from unicorn_assets.errors import ImageError, LakeError
from unicorn_assets.lake.files import sha256
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.lake.vectors import read_vectors
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.freshness import states
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.tools import Tools
from unicorn_assets.transfer.metrics.results import GapReport
from unicorn_assets_tests.encoders.pictures import fill, picture
from unicorn_assets_tests.encoders.tiny_clip import DIMENSION, tiny_clip
from unicorn_assets_tests.lake.test_embedding_files import table, write
from unicorn_assets_tests.stages.with_images import made, ready, tools_for, with_alignment
from unicorn_assets_tests.transfer.references import images, names

NAME = "image_reference"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path / "images", 40)
    return tmp_path / "images"


def of(recipe, path, model=None, **more):
    chosen = {"path": str(path)} | ({"model": str(model)} if model else {}) | more
    return with_alignment(recipe, method="realign", images=chosen)


def rows(home):
    return list(read_rows(home.lake.rows(NAME, "all")))


def aside(home):
    return {row["reason"]: row for row in read_rows(home.lake.set_aside(NAME, "all"))}


class OddEncoder:
    """An image encoder that fails as told; of an image of one colour, by its red."""

    dimension = 32

    def __init__(self):
        self.closed = 0

    def identity(self):
        return {"model": "odd"}

    def encode(self, pictures):
        vectors = np.ones((len(pictures), 32), np.float32)
        for vector, one in zip(vectors, pictures, strict=True):
            red, green, _ = one.getpixel((0, 0))
            vector[0] = red
            if green == 1:
                raise ValueError("cannot infer the channels")
            if green == 2:
                vector[:] = 0
            if green == 3:
                vector[1] = np.nan
            if green == 4:
                raise type("OutOfMemoryError", (RuntimeError,), {})("no memory left")
        return vectors

    def close(self):
        self.closed += 1


def plain(folder, greens):
    from PIL import Image

    folder.mkdir()
    for red, green in enumerate(greens):
        Image.new("RGB", (4, 4), (red, green, 0)).save(folder / f"{red:03d}.png")
    return folder


def test_a_folder_becomes_rows_and_vectors(home, recipe, folder, clip):
    from sentence_transformers import SentenceTransformer

    tools = tools_for(home, of(recipe, folder, clip), DIMENSION)
    sidecar = made(tools, NAME)
    assert (sidecar.rows_in, sidecar.rows_out, sidecar.blocked_by) == (40, 40, [])
    found = rows(home)
    assert [row["id"] for row in found] == sorted(row["id"] for row in found)
    assert sorted(row["path"] for row in found) == sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*.*")
    )
    for row in found:
        assert row["sha256"] == sha256(folder / row["path"])
        assert row["id"] == row["sha256"][:20]
    ids, vectors = read_vectors(home.lake.vectors(NAME, "all"))
    assert ids == [row["id"] for row in found]
    from unicorn_assets.encoders.image_files import read_image

    shown = [read_image(folder / row["path"]) for row in found]
    exact = SentenceTransformer(str(clip), device="cpu").encode(shown, normalize_embeddings=True)
    assert np.abs(vectors.astype(np.float32) - exact).max() < 1e-3
    assert sidecar.fields["encoder"]["model"] == str(clip)


def test_the_two_towers_of_one_model_from_images_and_seeds_to_a_transfer(home, recipe, folder, clip):
    chosen = of(recipe, folder, clip)
    chosen = chosen.model_copy(update={"encoder": chosen.encoder.model_copy(update={"model": str(clip)})})
    tools = Tools(home, chosen)
    try:
        sidecar = made(tools, "seed_sources", NAME, "modality_alignment")
    finally:
        tools.close()
    assert sidecar.metrics["fitted_on"] == {"captions": 60, "images": 40}
    found = GapReport.restore(sidecar.metrics["gap"])
    assert found.dimension == DIMENSION
    assert found.gap_after.centroid_distance < 0.2 * found.gap_before.centroid_distance
    assert {check.name for check in sidecar.checks if not check.passed} == {"enough_samples"}
    with home.catalog.snapshot() as connection:
        counted = connection.execute("SELECT count(*), count(DISTINCT path) FROM image_reference").fetchall()
    assert counted == [(40, 40)]


def test_what_cannot_be_used_is_a_rejected_row_with_its_reason(home, recipe, folder, clip):
    whole = (folder / "002.webp").read_bytes()
    (folder / "cut.webp").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("no image")
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    shutil.copy(folder / "001.jpg", folder / "twin.jpg")
    (folder / "notes.txt").write_text("not counted")
    sidecar = made(tools_for(home, of(recipe, folder, clip), DIMENSION), NAME)
    assert (sidecar.rows_in, sidecar.rows_out) == (44, 40)
    assert sidecar.rejected == {"duplicate": 1, "unreadable": 3}
    assert aside(home)["duplicate"]["detail"] == "twin.jpg has the content of 001.jpg"
    told = [row["detail"] for row in read_rows(home.lake.set_aside(NAME, "all"))]
    assert any(one.startswith("text.png: UnidentifiedImageError") for one in told)
    assert any(one.startswith("gone.jpg: the file cannot be read") for one in told)


def test_images_that_the_model_fails_on_leave_the_others(home, recipe, tmp_path):
    chosen = of(recipe, plain(tmp_path / "odd", [0, 1, 2, 3, 0, 0, 1, 0]), "odd")
    encoder = OddEncoder()
    sidecar = made(tools_for(home, chosen, make_image_encoder=lambda images: encoder), NAME)
    assert (sidecar.rows_in, sidecar.rows_out) == (8, 4)
    assert sidecar.rejected == {"no_direction": 2, "not_encoded": 2}
    assert "ValueError: cannot infer the channels" in aside(home)["not_encoded"]["detail"]
    assert "its vector has the length" in aside(home)["no_direction"]["detail"]
    assert encoder.closed == 1


def test_a_device_without_memory_is_no_fault_of_an_image(home, recipe, tmp_path):
    chosen = of(recipe, plain(tmp_path / "odd", [0, 4, 0]), "odd")
    encoder = OddEncoder()
    with pytest.raises(RuntimeError, match="no memory left"):
        made(tools_for(home, chosen, make_image_encoder=lambda images: encoder), NAME)
    assert encoder.closed == 1
    assert not home.lake.sidecar_path(NAME, "all").exists()


@pytest.mark.parametrize("greens", [[1, 1, 1], [2, 0, 3]])
def test_fewer_than_two_that_can_be_used_are_refused_with_the_reasons(home, recipe, tmp_path, greens):
    chosen = of(recipe, plain(tmp_path / "odd", greens), "odd")
    with pytest.raises(ImageError, match=r"Only [01] of the 3 images of .*odd can be used \([23] no[t_]"):
        made(tools_for(home, chosen, make_image_encoder=lambda images: OddEncoder()), NAME)


def test_another_dimension_than_the_texts_is_one_clear_error(home, recipe, folder, clip, tmp_path):
    says = rf"The image encoder {clip} gives 12 numbers an image, the text encoder hash 32 a text"
    with pytest.raises(ImageError, match=says) as caught:
        made(tools_for(home, of(recipe, folder, clip)), NAME)
    assert "two towers of one encoder" in caught.value.cure
    file = ready(tmp_path / "wide.arrow", width=33)
    chosen = of(recipe, file)
    with pytest.raises(ImageError, match=r"wide.arrow gives 33 numbers an image, the text encoder hash 32"):
        made(tools_for(home, chosen), "seed_sources", NAME, "modality_alignment")
    assert not list(home.path.glob("answers/**/*.journal"))  # nothing was paid for before it was found out


def test_missing_folders_files_and_models_are_named(home, recipe, tmp_path, folder):
    cases = {
        "There is no folder": of(recipe, tmp_path / "nowhere", "odd"),
        "nowhere.arrow cannot be read: No such file": of(recipe, tmp_path / "nowhere.arrow"),
    }
    for says, chosen in cases.items():
        tools = tools_for(home, chosen)
        with pytest.raises(ImageError, match=says):
            made(tools, NAME)
        found = {state.stage: state for state in states(tools, upstream(chosen))}
        assert found[NAME].condition == "missing"


@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_a_ready_file_is_checked_and_copied_by_id(home, recipe, tmp_path, suffix):
    given = images(100, width=32)
    given[3], given[4, 5], given[5, 0] = 0, np.nan, np.inf
    ids = names(100)
    ids[7] = ids[6]
    file = write(tmp_path / f"ready{suffix}", given, ids)
    sidecar = made(tools_for(home, of(recipe, file)), NAME)
    assert (sidecar.rows_in, sidecar.rows_out, sidecar.blocked_by) == (100, 96, [])
    assert sidecar.rejected == {"duplicate": 1, "no_direction": 3}
    assert aside(home)["duplicate"]["detail"] == "row 7: row 6 has this id"
    found, vectors = read_vectors(home.lake.vectors(NAME, "all"))
    assert found == sorted(set(ids) - {ids[3], ids[4], ids[5]})
    rows_of = {name: given[number] for number, name in reversed(list(enumerate(ids)))}
    assert np.abs(vectors - np.stack([rows_of[name] for name in found])).max() < 1e-3
    assert {(row["path"], row["sha256"]) for row in rows(home)} == {(None, None)}


def test_a_ready_file_that_is_wrong_as_a_whole_is_refused(home, recipe, tmp_path):
    given = images(50, width=32)
    given[20] *= 3
    with pytest.raises(ImageError, match=r"Row 20 \(id .*\) of .*long.arrow is not of unit norm \(its norm is 3\)"):
        made(tools_for(home, of(recipe, write(tmp_path / "long.arrow", given, names(50)))), NAME)
    ragged = pa.array([[1.0, 0.0], [0.6, 0.8], [1.0, 0.0, 0.0]], pa.list_(pa.float32()))
    mixed = table(tmp_path / "mixed.parquet", id=pa.array(["a", "b", "c"]), embedding=ragged)
    with pytest.raises(LakeError, match=r"Row 2 \(id c\) of .*mixed.parquet has 3 numbers, the first row 2"):
        made(tools_for(home, of(recipe, mixed)), NAME)
    (tmp_path / "text.arrow").write_text("no vectors")
    with pytest.raises(LakeError, match=r"text.arrow cannot be read as Arrow"):
        made(tools_for(home, of(recipe, tmp_path / "text.arrow")), NAME)
    nothing = write(tmp_path / "nothing.arrow", images(0, width=32), [])
    with pytest.raises(ImageError, match=r"Only 0 of the 0 images"):
        made(tools_for(home, of(recipe, nothing)), NAME)
    assert not home.lake.sidecar_path(NAME, "all").exists()
    assert not [path for path in (home.lake.root / NAME).rglob("*") if path.is_file()]


def test_a_draw_takes_so_many_by_hash_and_accounts_for_the_rest(home, recipe, tmp_path, folder, clip):
    file = ready(tmp_path / "ready.arrow")
    sidecar = made(tools_for(home, of(recipe, file, draw=30)), NAME)
    assert (sidecar.rows_out, sidecar.not_selected) == (30, {"not_drawn": 60})
    drawn = {row["id"] for row in rows(home)}
    order = np.random.default_rng(0).permutation(90)
    ids = names(90)
    write(file, images(90, width=32)[order], [ids[number] for number in order])
    made(tools_for(home, of(recipe, file, draw=30)), NAME)
    assert {row["id"] for row in rows(home)} == drawn
    sidecar = made(tools_for(home, of(recipe, folder, clip, draw=9), DIMENSION), NAME)
    assert (sidecar.rows_in, sidecar.rows_out, sidecar.not_selected) == (40, 9, {"not_drawn": 31})


def test_content_decides_and_the_place_does_not(home, recipe, tmp_path, folder, clip):
    def fingerprint():
        stage = graph(chosen)[NAME]
        return stage.fields(tools_for(home, chosen, DIMENSION))

    chosen = of(recipe, folder, clip)
    before = fingerprint()
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    chosen = of(recipe, moved, clip)
    assert fingerprint() == before
    picture(99).save(moved / "one more.png")
    assert {key for key in before if fingerprint()[key] != before[key]} == {"files", "images"}
    chosen = of(recipe, folder, clip, draw=5)
    assert {key for key in before if fingerprint()[key] != before[key]} == {"draw"}
    other = tiny_clip(tmp_path / "other", seed=1)
    chosen = of(recipe, folder, other)
    assert {key for key in before if fingerprint()[key] != before[key]} == {"encoder"}


def test_other_images_make_it_and_the_transfer_stale(home, recipe, tmp_path):
    file = ready(tmp_path / "ready.arrow")
    chosen = of(recipe, file)
    tools = tools_for(home, chosen)
    made(tools, "seed_sources", NAME, "modality_alignment")

    def found():
        return {state.stage: state for state in states(tools, upstream(chosen)) if state.shard == "all"}

    assert {state.condition for state in found().values()} == {"fresh"}
    ready(tmp_path / "ready.arrow", 91)
    assert found()[NAME].condition == found()["modality_alignment"].condition == "stale"
    assert "sha256" in found()[NAME].why
    assert "images.sha256" in found()["modality_alignment"].why


def test_it_stands_in_the_graph_of_recipes_with_images_alone(recipe, tmp_path):
    assert NAME not in graph(recipe)
    encoded, copied = graph(of(recipe, tmp_path, "clip")), graph(of(recipe, tmp_path / "a.arrow"))
    assert (encoded[NAME].lane, copied[NAME].lane) == ("gpu", "cpu")
    assert list(encoded)[:4] == ["seed_sources", NAME, "modality_alignment", "caption_seeds"]
    assert encoded["modality_alignment"].inputs == ("seed_sources", NAME)
    assert graph(recipe)["modality_alignment"].inputs == ("seed_sources",)


def test_without_images_there_is_nothing_to_make(home, recipe):
    from unicorn_assets.stages.images import IMAGE_REFERENCE

    with pytest.raises(TypeError, match="names no images"):
        IMAGE_REFERENCE.fields(tools_for(home, recipe))

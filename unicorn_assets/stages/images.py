"""`image_reference`: embeddings of images that nobody paired with the captions, where the recipe names some.

Of a folder each image is encoded; a ready file of embeddings is checked and copied. A single image that cannot be used
is a rejected row.
"""

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.alignment import Images
from unicorn_assets.encoders.image_files import ImageFile, UnreadableImageError, image_files, read_image
from unicorn_assets.encoders.images import BATCH, ImageEncoder
from unicorn_assets.errors import ImageError
from unicorn_assets.identity import draw
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.embedding_files import Embeddings
from unicorn_assets.lake.files import known_sha256
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.shards import ShardWriter
from unicorn_assets.lake.vectors import VectorWriter
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import checks
from unicorn_assets.stages.base import Made, Stage, Work
from unicorn_assets.stages.tools import Tools
from unicorn_assets.transfer.rows import UNIT_TOLERANCE, norm

LEAST_IMAGES = 2
"""A mean of fewer would be the image itself."""


def image_fields(tools: Tools) -> dict[str, Any]:
    """What decides the reference: what the files hold, not where they stand.

    Raises:
        ImageError: folder or file cannot be read.
        EncoderError: the model's files are missing.
    """
    chosen = _chosen(tools.recipe)
    if chosen.model is None:
        return {"draw": chosen.draw, "file": Path(chosen.path).name, "sha256": _hash(Path(chosen.path))}
    files = image_files(Path(chosen.path))
    return {
        "draw": chosen.draw,
        "images": len(files),
        "files": digest([[one.name, one.sha256] for one in files]),
        "encoder": tools.make_image_encoder(chosen).identity(),
        "pillow": version("pillow").split(".")[0],
    }


def check_dimension(tools: Tools, dimension: int, what: str) -> None:
    """Refuses images that do not lie in the text encoder's space.

    Raises:
        ImageError: the dimensions differ; `what` names the images' side.
    """
    encoder = tools.encoder
    if dimension != encoder.dimension:
        raise ImageError(
            f"{what} gives {dimension:,} numbers an image, the text encoder {encoder.name} {encoder.dimension:,} a "
            "text.",
            "take the two towers of one encoder: encoder.model for texts, and for images alignment.images.model or a "
            "file that its image tower made.",
        )


def image_reference(recipe: Recipe) -> Stage:
    """The stage as the recipe wants it: on the gpu lane where it encodes a folder."""
    return replace(IMAGE_REFERENCE, lane="cpu" if _chosen(recipe).model is None else "gpu")


def _chosen(recipe: Recipe) -> Images:
    if recipe.alignment.images is None:
        raise TypeError("the recipe names no images")
    return recipe.alignment.images


def _hash(path: Path) -> str:
    try:
        return known_sha256(path)
    except OSError as error:
        raise ImageError(
            f"The embeddings {path} cannot be read: {error.strerror}.", "give the path of a file in [alignment.images]."
        ) from None


def _reference(work: Work, drafts: Drafts) -> Made:
    chosen = _chosen(work.recipe)
    out = ShardWriter(drafts, IMAGE_REFERENCE.columns, work.fingerprint)
    rows_in = (_copied if chosen.model is None else _encoded)(work, chosen, out, drafts)
    out.finish()
    if out.rows_out < LEAST_IMAGES:
        why = ", ".join(f"{count:,} {reason}" for reason, count in out.rejected.items())
        raise ImageError(
            f"Only {out.rows_out:,} of the {rows_in:,} images of {chosen.path} can be used ({why or 'all there are'}).",
            f"give more: {LEAST_IMAGES} are the least, 10,000 a good number.",
        )
    return Made(rows_in, out.rows_out, out.rejected, out.not_selected)


def _encoded(work: Work, chosen: Images, out: ShardWriter, drafts: Drafts) -> int:
    """Encodes a folder, in the order of the ids: batches depend on what the files hold alone."""
    encoder = work.tools.make_image_encoder(chosen)
    try:
        check_dimension(work.tools, encoder.dimension, f"The image encoder {chosen.model}")
        vectors, every = out.open_vectors(encoder.dimension), image_files(Path(chosen.path))
        files, seen = iter(_drawn(_distinct(every, out), chosen.draw, out)), 0
        while batch := list(islice(files, BATCH)):
            _write(batch, encoder, out, vectors)
            seen += len(batch)
            work.progress(seen, len(every))
    finally:
        encoder.close()
    return len(every)


def _distinct(files: list[ImageFile], out: ShardWriter) -> list[ImageFile]:
    """One file of each content, sorted by id."""
    first: dict[str, ImageFile] = {}
    for one in files:
        if not one.sha256:
            out.reject(None, "unreadable", f"{one.name}: the file cannot be read")
        elif one.id in first:
            out.reject(one.id, "duplicate", f"{one.name} has the content of {first[one.id].name}")
        else:
            first[one.id] = one
    return [first[name] for name in sorted(first)]


def _drawn(files: list[ImageFile], count: int | None, out: ShardWriter) -> list[ImageFile]:
    chosen = _smallest([one.id for one in files], count)
    for one in files:
        if one.id not in chosen:
            out.skip(one.id, "not_drawn", one.name)
    return [one for one in files if one.id in chosen]


def _smallest(ids: list[str], count: int | None) -> set[str]:
    """So many of the ids, drawn by hash; all for None."""
    return set(ids if count is None else sorted(ids, key=lambda one: (draw(one, "image_reference"), one))[:count])


def _write(batch: list[ImageFile], encoder: ImageEncoder, out: ShardWriter, vectors: VectorWriter) -> None:
    files, pictures = [], []
    for one in batch:
        try:
            pictures.append(read_image(one.file))
            files.append(one)
        except UnreadableImageError as error:
            out.reject(one.id, "unreadable", f"{one.name}: {error}")
    for one, vector in zip(files, _vectors(encoder, pictures), strict=True):
        if isinstance(vector, str):
            out.reject(one.id, "not_encoded", f"{one.name}: {vector}")
        elif not 0 < (length := float(np.linalg.norm(vector))) < np.inf:
            out.reject(one.id, "no_direction", f"{one.name}: its vector has the length {length}")
        else:
            vectors.write([one.id], (vector / length)[None])
            out.row(id=one.id, path=one.name, sha256=one.sha256)


def _vectors(encoder: ImageEncoder, pictures: list[Any]) -> Iterator[NDArray[np.float64] | str]:
    """A vector an image, or why there is none; where a batch fails, its images are tried one by one."""
    try:
        yield from encoder.encode(pictures).astype(np.float64)
    except Exception as error:  # processors and models of others
        if type(error).__name__ == "OutOfMemoryError":
            raise
        if len(pictures) == 1:
            yield f"{type(error).__name__}: {error}"
        else:
            for picture in pictures:
                yield from _vectors(encoder, [picture])


def _copied(work: Work, chosen: Images, out: ShardWriter, drafts: Drafts) -> int:
    """Checks a file of embeddings and copies it, sorted by id, by way of a scratch file: it may be larger than memory.

    Raises:
        ImageError: a row is not of unit norm; then the file is wrong as a whole.
        LakeError: the file cannot be read, or a row has no id, no whole vector or one of another length.
    """
    source = Embeddings(Path(chosen.path))
    vectors = out.open_vectors(source.dimension)
    places: dict[str, int] = {}
    with (drafts.folder() / "vectors").open("w+b") as scratch:
        for batch in source:
            rows = batch.vectors.astype(np.float64)
            norms, names = norm(rows), batch.ids()
            _refuse_lengths(source, norms, names, batch.first)
            with np.errstate(invalid="ignore", divide="ignore"):
                scratch.write((rows / norms[:, None]).astype(np.float16).tobytes())
            for number, (name, length) in enumerate(zip(names, norms, strict=True), batch.first):
                if not 0 < length < np.inf:
                    what = "a zero vector" if length == 0 else "NaN or an infinity in it"
                    out.reject(name, "no_direction", f"row {number}: {what}")
                elif name in places:
                    out.reject(name, "duplicate", f"row {number}: row {places[name]} has this id")
                else:
                    places[name] = number
            work.progress(batch.first + len(names), source.rows)
        scratch.flush()
        _sorted_copy(places, chosen, out, vectors, scratch.name)
    return source.rows


def _refuse_lengths(source: Embeddings, norms: NDArray[np.float64], names: list[str], first: int) -> None:
    off = np.flatnonzero(np.isfinite(norms) & (norms > 0) & (np.abs(norms - 1) > UNIT_TOLERANCE))
    if off.size:
        row = off[0]
        raise ImageError(
            f"Row {first + row} (id {names[row]}) of {source.path} is not of unit norm (its norm is {norms[row]:.4g}).",
            "divide each row by its norm first.",
        )


def _sorted_copy(places: dict[str, int], chosen: Images, out: ShardWriter, vectors: VectorWriter, scratch: str) -> None:
    drawn = _smallest(list(places), chosen.draw)
    kept = sorted(drawn)
    for name in sorted(places.keys() - drawn):
        out.skip(name, "not_drawn")
    if not kept:
        return
    flat = np.memmap(scratch, np.float16, "r").reshape(-1, vectors.dimension)
    for start in range(0, len(kept), BATCH):
        part = kept[start : start + BATCH]
        vectors.write(part, flat[[places[name] for name in part]])
        for name in part:
            out.row(id=name, path=None, sha256=None)


IMAGE_REFERENCE = Stage(
    name="image_reference",
    version=1,
    inputs=(),
    fields=image_fields,
    body=_reference,
    schema=pa.schema([(name, pa.string()) for name in ("id", "path", "sha256")]),
    checks=(*checks.ROWS, checks.UNIT_VECTORS),
    sharded=False,
    lane="gpu",
)
"""As for a folder; see `image_reference`."""

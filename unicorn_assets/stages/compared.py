"""The texts of a shard that are compared for near-duplicates: captions and questions, with their signatures, kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unicorn_assets.curation.decisions import Ids
from unicorn_assets.curation.duplicates import semantic
from unicorn_assets.curation.duplicates.banding import shape
from unicorn_assets.curation.duplicates.signatures import algorithm, signatures
from unicorn_assets.duplicates import Duplicates
from unicorn_assets.identity import shard_names
from unicorn_assets.lake import signature_files
from unicorn_assets.lake.files import clear_leftovers
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.lists import fixed_ids, ids
from unicorn_assets.lake.shards import open_parquet, readable
from unicorn_assets.lake.signature_files import Signed
from unicorn_assets.stages.base import Work
from unicorn_assets.stages.question_vectors import FOLDER

ONE = -1
"""Place of a text that is the only one of its row."""


@dataclass(frozen=True)
class Texts:
    """The texts of a shard, all (n,), in the order of id and place.

    Args:
        ids: the row that each stands in, as an Arrow array.
        places: its place in the row, from 0; ONE where it has none.
        texts: the texts, as an Arrow array.
    """

    ids: Any
    places: NDArray[np.int32]
    texts: Any


@dataclass(frozen=True)
class Kind:
    """One kind of texts.

    Args:
        name: what a text of it is.
        sources: the stages whose rows of a shard decide its texts.
        read: reads the texts of a shard.
        words: words of a shingle.
        contained: least share of a text's shingles in a longer one; None where that is not judged.
        cosine: least cosine of two texts' embeddings; None where meaning is not compared.
    """

    name: str
    sources: tuple[str, ...]
    read: Callable[[Lake, str], Texts]
    words: Callable[[Duplicates], int]
    contained: Callable[[Duplicates], float | None]
    cosine: Callable[[Duplicates], float | None]

    def judged_by(self, chosen: Duplicates) -> dict[str, Any]:
        """What decides whether two texts of it are near, beside the texts."""
        cosine = self.cosine(chosen)
        meant = {} if cosine is None else {"semantic": {"cosine": cosine, "version": semantic.VERSION}}
        return {"words": self.words(chosen), "containment": self.contained(chosen), **meant}

    def header(self, work: Work, shard: str) -> dict[str, Any]:
        """Which texts of a shard signatures are of, by content, and by which algorithm.

        Raises:
            LakeError: the shard is missing or damaged.
        """
        chosen, content = work.recipe.duplicates, [work.lake.need(stage, shard).files["rows"] for stage in self.sources]
        return {
            "texts": [one.sha256 for one in content],
            "words": self.words(chosen),
            "bands": shape(chosen.jaccard),
            "algorithm": dict(algorithm()),
        }

    def signed(self, work: Work, shard: str) -> tuple[Signed, str]:
        """A shard's texts and their signatures: those that are kept, or new ones where the texts are others.

        With them a word that changes when the shard's texts do.

        Raises:
            LakeError: the shard is missing or damaged, or the signatures cannot be written.
        """
        path, header = work.tools.home.signatures(self.name, shard), self.header(work, shard)
        content = digest(header)
        found = signature_files.read(path, header)
        if found is not None:
            return found, content
        texts = self.read(work.lake, shard)
        parts = list(signatures(texts.texts.to_pylist(), header["words"], work.recipe.duplicates.jaccard))
        signature_files.write(path, header, texts.ids, texts.places, texts.texts, parts)
        written = signature_files.read(path, header)
        if written is None:
            raise TypeError(f"{path} does not read back")
        return written, content


def _read(lake: Lake, stage: str, shard: str, columns: Sequence[str]) -> pa.Table:
    path = lake.rows(stage, shard)
    with open_parquet(path) as parquet, readable(path):
        return parquet.read(list(columns))


def _captions(lake: Lake, shard: str) -> Texts:
    found = _read(lake, "pretrain_dataset", shard, ["id", "caption"])
    return Texts(found["id"], np.full(len(found), ONE, np.int32), found["caption"])


def _questions(lake: Lake, shard: str) -> Texts:
    asked = _read(lake, "instruction_dialogs", shard, ["id", "turns"])
    candidates = _read(lake, "instruction_dataset", shard, ["id"])["id"].combine_chunks()
    asked = asked.filter(pc.is_in(asked["id"], value_set=candidates)).combine_chunks()
    turns = pa.chunked_array(asked["turns"].chunks, asked.schema.field("turns").type).combine_chunks()
    counts = pc.list_value_length(turns).to_numpy(zero_copy_only=False).astype(np.int64)
    row = np.repeat(np.arange(len(asked)), counts)
    places = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Texts(asked["id"].take(pa.array(row)), places.astype(np.int32), pc.struct_field(turns.flatten(), "question"))


CAPTIONS = Kind(
    "caption",
    ("pretrain_dataset",),
    _captions,
    lambda chosen: chosen.words,
    lambda chosen: chosen.containment or None,
    lambda chosen: chosen.cosine,
)
QUESTIONS = Kind(
    "question",
    ("instruction_dialogs", "instruction_dataset"),
    _questions,
    lambda chosen: chosen.question_words,
    lambda chosen: None,
    lambda chosen: chosen.question_cosine,
)


def kinds(chosen: Duplicates) -> list[Kind]:
    """The kinds that the recipe compares."""
    return [kind for kind, wanted in ((CAPTIONS, chosen.captions), (QUESTIONS, chosen.questions)) if wanted]


def forget_others(work: Work) -> None:
    """Removes signatures and embeddings of shards and kinds that the recipe does not have, for texts stand in them.

    With them what a killed writer left. The caller holds the lock on the stage, which alone writes them.
    """
    wanted, shards = kinds(work.recipe.duplicates), set(shard_names(work.recipe.shards))
    for kind in (CAPTIONS, QUESTIONS):
        clear_leftovers(work.tools.home.signatures(kind.name, "*").parent, "*")
        for path in work.tools.home.signatures(kind.name, "*").parent.glob("*.arrow"):
            if kind not in wanted or path.stem not in shards:
                path.unlink(missing_ok=True)
    meant = QUESTIONS in wanted and work.recipe.duplicates.question_cosine is not None
    clear_leftovers(work.tools.home.signatures(FOLDER, "*").parent, "*")
    for path in work.tools.home.signatures(FOLDER, "*").parent.glob("*.arrow"):
        if not meant or path.name.partition(".")[0] not in shards:
            path.unlink(missing_ok=True)


def quality(lake: Lake, shard: str, wanted: Ids) -> NDArray[np.float64]:
    """The quality of some rows of a shard's curated captions, (n,); 0 where they have none.

    Args:
        lake: the lake.
        shard: the shard.
        wanted: the rows, (n,).

    Raises:
        LakeError: the shard's curated captions are missing or damaged.
    """
    path, good = lake.rows("curated_captions", shard), np.zeros(len(wanted))
    with open_parquet(path) as parquet, readable(path):
        if "quality" not in parquet.schema_arrow.names:
            return good
        found = parquet.read(["id", "quality"])
    there = ids(fixed_ids(found["id"]))
    if not len(there):
        return good
    values = np.nan_to_num(np.asarray(pc.fill_null(pc.cast(found["quality"], pa.float64()), 0.0)), nan=0.0)
    place = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
    known = there[place] == wanted
    good[known] = values[place[known]]
    return good

"""One world of a seed: its towers, its images, and the release that the project's own pipeline makes in it.

Everything is drawn from the seed, in streams of its own, so that images for statistics, for pairs and for tests never
meet. What is made stands in the world's folder and is not made again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unicorn_assets import recipe as recipes
from unicorn_assets.alignment import Alignment, Images
from unicorn_assets.duplicates import Duplicates
from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.judging import Curation, DialogRules
from unicorn_assets.lake.files import clear_leftovers, whole, write_whole
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.lake.vectors import VectorWriter, read_vectors
from unicorn_assets.proof import towers, wording
from unicorn_assets.proof.experiment import LOCK, STAMP
from unicorn_assets.proof.far import FarGap, shift_share
from unicorn_assets.proof.scenes import OTHER, USUAL, Mix, Scenes, draw, render
from unicorn_assets.proof.sizes import Size
from unicorn_assets.proof.towers import DIMENSION, Towers
from unicorn_assets.proof.writer import VERSION, SceneWriter
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets.transfer.choices import Name

METHOD: Name = "matched"
"""The transfer of the release: our own."""

Vectors = NDArray[np.float32]
Turns = list[tuple[str, str]]
Progress = Callable[[str], None]

_SEEDS, _REFERENCE, _OTHER, _PAIRS, _TESTS, _CEILING, _FAR = range(2, 9)
"""Streams of chance; the towers have the first."""


@dataclass(frozen=True, eq=False)
class Set:
    """Scenes with the embeddings of their images and of captions that say all of them, (n, DIMENSION) each."""

    scenes: Scenes
    images: Vectors
    texts: Vectors


@dataclass(frozen=True, eq=False)
class Released:
    """The release as a trainer sees it, in the order of its rows.

    Args:
        ids, captions: of the pretraining samples.
        pretrain: their conversations.
        vectors: their synthetic image embeddings.
        dialogs: conversations of the instruction samples.
        places: of each of these the number of its pretraining sample.
    """

    ids: list[str]
    captions: list[str]
    pretrain: list[Turns]
    vectors: Vectors
    dialogs: list[Turns]
    places: NDArray[np.int64]


class World:
    """One world.

    Args:
        folder: where it is kept.
        seed: which one.
        size: how large.
        progress: told what is being done.
        made_by: what decides how it comes out, as JSON values; a world of another kind in the folder is removed.
    """

    def __init__(
        self, folder: Path, seed: int, size: Size, progress: Progress, made_by: Mapping[str, Any] | None = None
    ) -> None:
        self.folder, self.seed, self.size, self._progress = folder, seed, size, progress
        self._made_by = json.dumps(made_by or {}, indent=1)
        self.home = Home(folder / "home")

    def prepare(self) -> None:
        """Makes what is not there yet: towers, references, release."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._clear_older()
        for mix, stream in ((USUAL, _REFERENCE), (OTHER, _OTHER)):
            self._refer(mix, stream)
        self._run_pipeline()

    @cached_property
    def towers(self) -> Towers:
        """The towers, trained at their first use."""
        path = self.folder / "towers.safetensors"
        if not path.exists():
            found = Towers()
            for step, steps in towers.train(found, self.seed, self.size.pairs_an_epoch, self.size.tower_epochs):
                if step % 100 == 0 or step == steps:
                    self._progress(f"towers: step {step} of {steps}")
            with whole(path) as draft:
                found.save(draft)
        return Towers.load(path)

    def drawn(self, stream: int, count: int, mix: Mix = USUAL) -> Set:
        """Scenes of a stream of chance with both embeddings."""
        chance = np.random.default_rng((self.seed, stream))
        scenes = draw(chance, count, mix)
        captions = [wording.full(chance, scene) for scene in scenes.tolist()]
        return Set(scenes, self.towers.images(render(chance, scenes)), self.towers.texts(captions))

    @cached_property
    def tests(self) -> Set:
        """What questions are asked about."""
        return self.drawn(_TESTS, self.size.tests)

    @cached_property
    def pairs(self) -> Set:
        """Pairs, for the map that only pairs can teach."""
        return self.drawn(_PAIRS, self.size.pairs)

    def seen(self, captions: Sequence[str]) -> Vectors:
        """Embeddings of images of what captions say, (n, DIMENSION): what a trainer with pictures would have."""
        scenes = np.array([[cell or 0 for cell in wording.read(caption)] for caption in captions])
        return self.towers.images(render(np.random.default_rng((self.seed, _CEILING)), scenes))

    def reference(self, mix: Mix = USUAL) -> Path:
        """The file of image embeddings that nobody paired with a text."""
        return self.folder / ("reference.arrow" if mix == USUAL else "reference-other.arrow")

    @cached_property
    def far(self) -> FarGap:
        """A gap that a shift explains little of."""
        return FarGap.drawn(np.random.default_rng((self.seed, _FAR)), self.pairs.texts, self.pairs.images)

    def gap(self) -> dict[str, float]:
        """The gap between pairs of the world: distance of the centroids, mean cosine, and what a shift explains."""
        texts, images = self.pairs.texts, self.pairs.images
        return {
            "centroid_distance": float(np.linalg.norm(images.mean(axis=0) - texts.mean(axis=0))),
            "paired_cosine": float((images * texts).sum(axis=1).mean()),
            "shift_share": shift_share(texts, images),
            "shift_share_far": shift_share(texts, self.far.apply(images)),
        }

    @cached_property
    def texts(self) -> tuple[Path, Vectors]:
        """The lake's file of the captions' embeddings, and these."""
        path = self.home.lake.vectors("text_embeddings", shard_names(1)[0])
        ids, vectors = read_vectors(path)
        if ids != self.released.ids:
            raise LakeError(
                f"{path} holds {len(ids):,} captions, of which {len(self.released.ids):,} are released: rows would not "
                "belong together.",
                "a rule of curation is on that the proof's recipe should switch off.",
            )
        return path, vectors.astype(np.float32)

    @cached_property
    def sparse(self) -> list[str]:
        """The seeds, in the order of the released captions."""
        rows = read_rows(self.home.lake.rows("caption_seeds", shard_names(1)[0]), ["id", "seed"])
        seeds = {row["id"]: row["seed"] for row in rows}
        return [seeds[one] for one in self.released.ids]

    @cached_property
    def released(self) -> Released:
        """The release, read from its folder as a trainer reads it."""
        import polars as pl

        folder = self.home.releases / "proof" / "latest"
        tables = [pl.read_parquet(folder / name / "*.parquet").sort("id") for name in ("pretrain", "instruction")]
        order = {one: number for number, one in enumerate(tables[0]["id"])}
        return Released(
            ids=tables[0]["id"].to_list(),
            captions=tables[0]["caption"].to_list(),
            pretrain=[_turns(one) for one in tables[0]["conversations"].to_list()],
            vectors=tables[0]["image_embedding"].to_numpy().astype(np.float32),
            dialogs=[_turns(one) for one in tables[1]["conversations"].to_list()],
            places=np.array([order[one] for one in tables[1]["id"]]),
        )

    def _clear_older(self) -> None:
        """Removes a world of another kind, but for the lock that is held on it, and what killed processes left."""
        stamp = self.folder / STAMP
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != self._made_by:
            for one in self.folder.iterdir():
                if one.is_dir():
                    rmtree(one)
                elif one.name != LOCK:
                    one.unlink()
            write_whole(stamp, self._made_by)
        clear_leftovers(self.folder, "*")

    def _refer(self, mix: Mix, stream: int) -> None:
        path = self.reference(mix)
        if path.exists():
            return
        found = self.drawn(stream, self.size.reference, mix).images
        with whole(path) as draft, VectorWriter(draft, DIMENSION) as writer:
            writer.write([f"{number:06d}" for number in range(len(found))], found)

    def _run_pipeline(self) -> None:
        """Seeds to release, by the stages that every recipe runs through."""
        path = self.folder / "seeds.jsonl"
        chance = np.random.default_rng((self.seed, _SEEDS))
        lines = (wording.sparse(chance, scene) for scene in draw(chance, self.size.captions).tolist())
        path.write_text(
            "".join(json.dumps({"image_id": str(n), "caption": line}) + "\n" for n, line in enumerate(lines))
        )
        recipe = self._recipe(path)
        encoder = TowerEncoder(self.towers, self.folder / "towers.safetensors")
        tools = Tools(self.home, recipe, make_engine=lambda *given: SceneWriter(), make_encoder=lambda given: encoder)
        self.home.prepare()
        self.home.adopt(recipe, change=True)
        stages = graph(recipe)
        for name, stage in stages.items():
            self._progress(f"pipeline: {name}")
            shard = shard_names(1)[0] if stage.sharded else ALL
            make(stage, tools, shard, graph=stages, run_id=f"proof-{self.seed}")

    def _recipe(self, seeds: Path) -> recipes.Recipe:
        source = recipes.Source(name="scenes", path=str(seeds), licence="CC0-1.0", origin="drawn by unicorn proof")
        return recipes.Recipe(
            name="proof",
            shards=1,
            seeds=recipes.Seeds(sources=(source,)),
            # A writer of its own, in the place of a served model: no word of its answers is unknown to the towers.
            engine=recipes.Engine(kind="openai", model="scene-writer", revision=VERSION),
            curation=Curation(min_words=10, max_repetition=1.0, min_seed_words=0.4),
            # The writer asks for the number of shapes in more than one wording.
            dialogs=recipes.Dialogs(rules=DialogRules(repeats=False)),
            # Scenes are few and alike, and every caption's embedding is to be in the release.
            duplicates=Duplicates(captions=False, questions=False),
            encoder=recipes.Encoder(model="towers"),
            alignment=Alignment(method=METHOD, images=Images(path=str(self.reference()))),
        )


class TowerEncoder:
    """The text tower as the pipeline's encoder.

    Args:
        towers: the towers.
        path: their file, whose hash is the encoder's identity.
    """

    name, revision, dimension, max_tokens = "towers", "", DIMENSION, 10_000

    def __init__(self, towers: Towers, path: Path) -> None:
        self._towers = towers
        self._hash = hashlib.sha256(path.read_bytes()).hexdigest()

    def identity(self) -> dict[str, str | int]:
        """The hash of the weights, and torch's release."""
        return {"model": self.name, "files": self._hash, "torch": torch.__version__}

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Words of each text; none is ever cut."""
        return [len(towers.tokens(text)) for text in texts]

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (n, DIMENSION)."""
        return self._towers.texts(texts)

    def close(self) -> None:
        """Nothing is held."""


def _turns(conversation: list[dict[str, str]]) -> Turns:
    said = [turn["value"].replace("<image>", " ") for turn in conversation]
    return list(zip(said[::2], said[1::2], strict=True))

"""What a release is made of: the sidecars of its shards, and their files, checked before a row of them is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import sha256
from unicorn_assets.lake.layout import ALL, Lake
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.lake.views import SHARDED

UNSHARDED = ("seed_sources", "modality_alignment")
IMAGES = "image_reference"
"""Stands beside them where the recipe names images."""
SELECTION = "selection"
"""What of the shards goes out."""


@dataclass(frozen=True)
class Inputs:
    """The finished shards that go into one release.

    Args:
        lake: where they stand.
        shards: their names, in order.
        sidecars: the sidecars by stage, in the order of the graph, and by shard.
    """

    lake: Lake
    shards: tuple[str, ...]
    sidecars: Mapping[str, Mapping[str, Sidecar]]

    def file(self, stage: str, shard: str, kind: str) -> Path:
        """A file of a shard (`rows`, `vectors`, `transfer`), after its size and content were found as they should be.

        Raises:
            LakeError: the shard has no such file, or it is not the one that its sidecar describes.
        """
        described = self.sidecars[stage][shard].files.get(kind)
        if described is None:
            raise LakeError(f"{stage} [{shard}] has no {kind}.", _again(stage, shard))
        path = self.lake.root / stage / described.name
        try:
            found, size = sha256(path), path.stat().st_size
        except OSError as error:
            raise LakeError(f"{path} cannot be read: {error.strerror}.", _again(stage, shard)) from None
        if (size, found) != (described.bytes, described.sha256):
            raise LakeError(
                f"{path} is damaged: its content is not what its sidecar describes "
                f"({size:,} bytes, SHA-256 {found[:12]}… instead of {described.bytes:,}, {described.sha256[:12]}…).",
                _again(stage, shard),
            )
        return path


def gather(lake: Lake, shards: Sequence[str]) -> Inputs:
    """The sidecars behind a release of these shards, in whatever order they are named.

    Raises:
        LakeError: there is no shard at all; or one is missing, damaged or failed a blocking check, was made with other
            settings than its neighbours, or from other rows than those that stand.
    """
    names = tuple(sorted(set(shards)))
    if not names:
        raise LakeError("No shard is complete, so there is nothing to release.", "materialize the shards first.")
    sidecars = {stage: {ALL: lake.need(stage, ALL)} for stage in UNSHARDED}
    if IMAGES in sidecars["modality_alignment"][ALL].inputs:
        sidecars[IMAGES] = {ALL: lake.need(IMAGES, ALL)}
    sidecars |= {stage: {shard: lake.need(stage, shard) for shard in names} for stage in SHARDED}
    for stage in SHARDED:
        for found in sidecars[stage].values():
            _refuse_strangers(found, sidecars)
    selection = lake.need(SELECTION, ALL)
    below = [name for name in selection.inputs if name not in sidecars]
    sidecars |= {name: {ALL: lake.need(name, ALL)} for name in below} | {SELECTION: {ALL: selection}}
    return Inputs(lake, names, sidecars)


def _refuse_strangers(found: Sidecar, sidecars: Mapping[str, Mapping[str, Sidecar]]) -> None:
    """A shard that joins well by id can still hold yesterday's captions beside today's vectors."""
    first = next(iter(sidecars[found.stage].values()))
    if found.fields != first.fields:
        raise LakeError(
            f"{found.stage} [{found.shard}] was made with other settings than [{first.shard}].",
            _again(found.stage, found.shard),
        )
    for above, made_from in found.inputs.items():
        standing = sidecars[above].get(found.shard) or sidecars[above][ALL]
        if standing.produced_for(found.shard) != made_from:
            raise LakeError(
                f"{found.stage} [{found.shard}] was made from another {above} than the one that stands.",
                _again(found.stage, found.shard),
            )


def _again(stage: str, shard: str) -> str:
    return f"materialize {stage} [{shard}] again; finished answers are kept, so it is quick."

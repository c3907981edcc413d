"""Assets of Stage 3: the fitted transfer, text embeddings, and what stands in for images."""

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.stages.alignment import MODALITY_ALIGNMENT
from unicorn_assets.stages.embeddings import SYNTHETIC_IMAGE_EMBEDDINGS, TEXT_EMBEDDINGS

GROUP = "embeddings"


def assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`modality_alignment`, `text_embeddings` and `synthetic_image_embeddings`."""
    return [
        stage_asset(
            MODALITY_ALIGNMENT,
            description="How a text's vector is carried over to where images' vectors lie: fitted once on a sample of "
            "captions, then frozen until a refit is asked for (run config `again: true`). A row is a "
            "caption of that sample. Its `picture` shows the vectors before and after.",
            group=GROUP,
            kinds={"python", "numpy", "pytorch"},
            partitions=partitions,
        ),
        stage_asset(
            TEXT_EMBEDDINGS,
            description="Captions as vectors. A row is a caption's embedding by the recipe's encoder, of length 1, "
            "with its tokens counted, and whether the encoder's limit cut it.",
            group=GROUP,
            kinds={"python", "pytorch", "arrow"},
            partitions=partitions,
        ),
        stage_asset(
            SYNTHETIC_IMAGE_EMBEDDINGS,
            description="Vectors that stand in for images (Stage 3). A row is a caption's embedding, carried over "
            "into image space by `modality_alignment`.",
            group=GROUP,
            kinds={"python", "numpy", "arrow"},
            partitions=partitions,
        ),
    ]

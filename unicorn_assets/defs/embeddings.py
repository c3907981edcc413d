"""Assets of Stage 3: images for the fit, the fitted transfer, text embeddings, and what stands in for images."""

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.alignment import modality_alignment
from unicorn_assets.stages.embeddings import SYNTHETIC_IMAGE_EMBEDDINGS, TEXT_EMBEDDINGS
from unicorn_assets.stages.images import image_reference

GROUP = "embeddings"


def assets(partitions: dg.PartitionsDefinition[str], recipe: Recipe) -> list[dg.AssetsDefinition]:
    """`modality_alignment`, `text_embeddings`, `synthetic_image_embeddings`; `image_reference` for images."""
    found = [] if recipe.alignment.images is None else [_images(partitions, recipe)]
    return [
        *found,
        stage_asset(
            modality_alignment(recipe),
            description="How a text's vector is carried over to where images' vectors lie: fitted once on a sample of "
            "captions, then frozen until a refit is asked for (run config `again: true`). A row is a "
            "caption of that sample. `picture` shows the vectors before and after, `gap_report` says what the fit did.",
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


def _images(partitions: dg.PartitionsDefinition[str], recipe: Recipe) -> dg.AssetsDefinition:
    return stage_asset(
        image_reference(recipe),
        description="Images that nobody paired with the captions: the other side of the fit, and what its gap is "
        "measured against. A row is an image's embedding, of a folder or of a ready file, with the hash of its "
        "content; what cannot be used stands beside it with its reason.",
        group=GROUP,
        kinds={"python", "pytorch", "arrow"},
        partitions=partitions,
    )

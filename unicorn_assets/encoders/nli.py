"""Natural language inference with a cross-encoder: how likely a caption contradicts what is claimed of it.

Optional, by name or path in the recipe; any sentence-transformers cross-encoder with a label `contradiction`.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from unicorn_assets.encoders import weights
from unicorn_assets.encoders.sentence import libraries, no_progress_bars
from unicorn_assets.errors import EncoderError
from unicorn_assets.judging import DialogRules

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


def chosen(rules: DialogRules) -> "NliJudge | None":
    """The judge that the recipe names; None where it names none."""
    return NliJudge(rules.nli_model, rules.nli_revision) if rules.nli_model else None


class NliJudge:
    """A cross-encoder in float32. Nothing is loaded before it is needed: `identity` reads the files alone.

    Args:
        model: a folder, or a name on the Hugging Face hub.
        revision: the hub's revision.
    """

    def __init__(self, model: str, revision: str = "") -> None:
        self.name, self.revision = model, revision

    def identity(self) -> dict[str, str]:
        """What decides the verdicts: name, revision, a hash of the files, the libraries.

        Raises:
            EncoderError: the model's files are missing.
        """
        return {"model": self.name, "revision": self.revision, "files": self._hash, **libraries()}

    def contradicted(self, premise: str, claims: Sequence[str]) -> list[float]:
        """The probability, 0 to 1, that `premise` contradicts each claim. One batch, which depends on these alone.

        Raises:
            EncoderError: the model cannot be loaded, or has no label `contradiction`.
        """
        if not claims:
            return []
        found = self._model.predict(
            [(premise, claim) for claim in claims],
            batch_size=len(claims),
            apply_softmax=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return [float(row[self._label]) for row in found]

    def close(self) -> None:
        """Frees the model; the next use loads it again."""
        self.__dict__.pop("_model", None)

    @cached_property
    def _folder(self) -> Path:
        folder = weights.locate(self.name, self.revision)
        if not (folder / "config.json").is_file():
            raise EncoderError(
                f"{folder} holds no cross-encoder: it has no config.json.",
                "give a folder that CrossEncoder.save_pretrained wrote, or leave dialogs.rules.nli_model empty.",
            )
        return folder

    @cached_property
    def _hash(self) -> str:
        return weights.files_hash(self._folder)

    @cached_property
    def _model(self) -> "CrossEncoder":
        os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
        folder = self._folder
        try:
            from sentence_transformers import CrossEncoder
            from torch import cuda

            with no_progress_bars():
                model: CrossEncoder = CrossEncoder(
                    str(folder),
                    device="cuda" if cuda.is_available() else "cpu",
                    local_files_only=True,
                    model_kwargs={"dtype": "float32", "use_safetensors": True},
                )
            return model
        except Exception as error:  # foreign files can fail the loader in any way
            reason = (str(error).splitlines() or [""])[0]
            raise EncoderError(
                f"The cross-encoder {self.name} in {folder} cannot be loaded: {type(error).__name__}: {reason}",
                "check that it is a whole cross-encoder with .safetensors weights.",
            ) from error

    @cached_property
    def _label(self) -> int:
        named: Mapping[int, str] = getattr(self._model.config, "id2label", None) or {}
        labels = {int(number): str(name) for number, name in named.items()}
        for number, name in sorted(labels.items()):
            if name.lower().startswith("contradict") and len(labels) > 1:
                return number
        raise EncoderError(
            f"The cross-encoder {self.name} has no label `contradiction`, only {', '.join(labels.values())}.",
            "use one that was trained on natural language inference.",
        )

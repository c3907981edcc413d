"""What a server is to be: everything that decides its command line and its environment."""

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from unicorn_assets.engines.base import Model
from unicorn_assets.engines.vllm.processes import MARK
from unicorn_assets.errors import EngineError
from unicorn_assets.settings import Settings

HANG_SECONDS = 120.0
"""A server that neither answers nor gets on for so long hangs."""
MODULE = "vllm.entrypoints.openai.api_server"
_OURS = {
    "--model": "the recipe's [engine] model",
    "--served-model-name": "the recipe's [engine] model",
    "--revision": "the recipe's [engine] revision",
    "--host": "nothing: the server listens on loopback",
    "--port": "nothing: a free port is found",
    "--uds": "nothing: a free port is found",
    "--api-key": "nothing: the server listens on loopback",
    "--disable-log-stats": "nothing: by them it is seen whether the server gets on",
    "--config": "vllm.extra_arguments themselves",
}
_QUIET = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # One node: what its processes say to each other stays on loopback.
    "VLLM_HOST_IP": "127.0.0.1",
    # A process that shows a title of its own would otherwise overwrite the mark in its environment.
    "SPT_NOENV": "1",
}
_NOT_PASSED_ON = {"VLLM_API_KEY", "VLLM_PORT"}


@dataclass(frozen=True)
class Plan:
    """One server. The times are no part of its identity; the rest is.

    Args:
        model: name of the model as configured; the server reports it.
        source: where its weights are: the same name, or the whole path of a folder.
        revision: revision of the model, empty for the newest.
        python: the Python that has vllm.
        devices: value of CUDA_VISIBLE_DEVICES, empty to leave it as it is.
        dtype: as vllm takes it.
        tensor_parallel_size: number of devices for one copy of the model.
        max_model_len: longest prompt and answer together, in tokens; None for the model's own.
        memory_share: share of the device's memory.
        extra_arguments: passed on as they are.
        hidden: environment variables that are kept from the server, since they hold keys.
        start_seconds: longest time until it is healthy.
        idle_seconds: it is stopped after so long without a lease.
        hang_seconds: it is taken to hang after so long without progress.
    """

    model: str
    source: str
    revision: str
    python: str
    devices: str
    dtype: str
    tensor_parallel_size: int
    max_model_len: int | None
    memory_share: float
    extra_arguments: tuple[str, ...]
    hidden: tuple[str, ...]
    start_seconds: float
    idle_seconds: float
    hang_seconds: float

    @classmethod
    def of(cls, model: Model, settings: Settings, group: int, hang_seconds: float = HANG_SECONDS) -> "Plan":
        """The plan for a device group.

        Raises:
            EngineError: no model is named, or the extra arguments set what is not theirs to set.
        """
        if not model.name:
            raise EngineError(
                "The recipe names no model for vllm.", "name one in the recipe's [engine], or with --model."
            )
        vllm = settings.vllm
        for argument in vllm.extra_arguments:
            flag = argument.partition("=")[0].replace("_", "-")
            if flag in _OURS:
                raise EngineError(
                    f"vllm.extra_arguments in settings.toml holds {flag}, which is set for it.",
                    f"take it out; in its place there is {_OURS[flag]}.",
                )
        folder = Path(model.name)
        return cls(
            model=model.name,
            source=str(folder.resolve()) if folder.is_dir() else model.name,
            revision=model.revision,
            python=vllm.python or sys.executable,
            devices=vllm.devices[group],
            dtype=vllm.dtype,
            tensor_parallel_size=vllm.tensor_parallel_size,
            max_model_len=vllm.max_model_len,
            memory_share=vllm.memory_share,
            extra_arguments=vllm.extra_arguments,
            hidden=tuple(sorted(settings.key_variables)),
            start_seconds=vllm.start_seconds,
            idle_seconds=vllm.idle_seconds,
            hang_seconds=hang_seconds,
        )

    @classmethod
    def read(cls, text: str) -> "Plan":
        """The plan that `written` wrote."""
        table = json.loads(text)
        return cls(**table | {name: tuple(table[name]) for name in ("extra_arguments", "hidden")})

    def written(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def identity(self) -> str:
        """Hash of what makes it another server; 16 hexadecimal digits."""
        decides = {name: value for name, value in asdict(self).items() if not name.endswith("_seconds")}
        return hashlib.blake2b(json.dumps(decides, sort_keys=True).encode(), digest_size=8).hexdigest()

    def command(self, port: int, name: str) -> list[str]:
        """The command line.

        Args:
            port: where it listens, on loopback.
            name: a second name for its model, by which this very server is known.
        """
        return [
            *(self.python, "-m", MODULE, "--model", self.source),
            *("--served-model-name", self.model, name),
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--dtype", self.dtype, "--tensor-parallel-size", str(self.tensor_parallel_size)),
            *("--gpu-memory-utilization", str(self.memory_share)),
            *(("--max-model-len", str(self.max_model_len)) if self.max_model_len else ()),
            *(("--revision", self.revision, "--tokenizer-revision", self.revision) if self.revision else ()),
            # What the model's own file would add to the sampling is not part of a request's key.
            *("--generation-config", "vllm"),
            "--disable-uvicorn-access-log",
            *self.extra_arguments,
        ]

    def environment(self, mark: str) -> dict[str, str]:
        """The environment: ours without keys, telemetry off, marked."""
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON.union(self.hidden)}
        if self.python != sys.executable:
            kept.pop("PYTHONPATH", None)  # meant for this Python, not for that one
        if self.devices:
            kept["CUDA_VISIBLE_DEVICES"] = self.devices
        return kept | _QUIET | {MARK: mark}

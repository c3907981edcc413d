"""Why a server did not start, read from its log, in words that a person can act on."""

import re
from dataclasses import dataclass
from pathlib import Path

LAST_LINES = 8
LINE_LENGTH = 300
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Cause:
    """What is wrong and how to mend it.

    Args:
        what: what is wrong.
        cure: how to mend it.
        port_taken: whether another port is all it takes.
    """

    what: str
    cure: str
    port_taken: bool = False


_KNOWN: tuple[tuple[str, Cause], ...] = (
    (
        r"No module named '?vllm\b",
        Cause(
            "vllm is not installed in {python}",
            "install it there (the extra `vllm`), or set vllm.python in settings.toml to a Python that has it.",
        ),
    ),
    (
        r"cannot be executed: ",
        Cause("{python} cannot be run", "set vllm.python in settings.toml to a Python that has vllm."),
    ),
    (r"[Aa]ddress already in use", Cause("its port was taken meanwhile", "run again.", port_taken=True)),
    (
        r"larger than the available KV cache memory|larger than the maximum number of tokens that can be stored",
        Cause(
            "the device has no room for one prompt of the model's full length",
            "set vllm.max_model_len in settings.toml lower, or vllm.memory_share higher.",
        ),
    ),
    (
        r"[Oo]ut of memory|OutOfMemory|Free memory on device|No available memory for the cache|Cannot allocate memory"
        r"|less than requested memory",
        Cause(
            "the device's memory is not enough",
            "free it, set vllm.memory_share or vllm.max_model_len in settings.toml lower, use more devices "
            "(vllm.tensor_parallel_size), or take a smaller model.",
        ),
    ),
    (
        r"RepositoryNotFound|RevisionNotFound|LocalEntryNotFound|not a valid model identifier|Repo id must"
        r"|[Cc]an't load the configuration|Cannot find the requested files|no file named config\.json"
        r"|does not appear to have a file named|Invalid repository ID|couldn't connect to|[Oo]ffline mode",
        Cause(
            "the model {model} is not found",
            "correct its name or revision in the recipe's [engine] or with --model; a folder is given by its path, "
            "and without a network the model must have been downloaded before.",
        ),
    ),
    (
        r"unrecognized arguments|invalid choice|expected one argument|error: argument ",
        Cause("vllm does not take its arguments", "correct vllm.extra_arguments in settings.toml."),
    ),
)
_UNKNOWN = Cause("it {ended}", "see the whole log, mend what it says, and run again.")


def size(log: Path) -> int:
    """Bytes of the log, 0 where there is none yet."""
    return log.stat().st_size if log.exists() else 0


def explained(log: Path, offset: int, ended: str, **names: str) -> tuple[Cause, str]:
    """The cause, its words filled in, and the last lines of the log.

    Args:
        log: the server's log.
        offset: where this start's part begins.
        ended: how the server ended, as in "it ended with exit code 1".
        names: `python` and `model`.
    """
    lines = _lines(log, offset)
    told = [line for line in lines if line.strip()][-LAST_LINES:]
    # The first error is nearer to the root than the traces that follow it.
    known = (*_KNOWN, (r"\b\w*Error\b", _UNKNOWN))
    found = (
        (cause, line)
        for pattern, cause in known
        for line in lines
        if " WARNING " not in line and re.search(pattern, line)
    )
    cause, line = next(found, (_UNKNOWN, None))
    if line is not None and line not in told:
        told.insert(0, line)
    filled = Cause(cause.what.format(ended=ended, **names), cause.cure, cause.port_taken)
    return filled, "\n".join(f"  | {line[:LINE_LENGTH]}" for line in told)


def _lines(log: Path, offset: int) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(offset, size(log) - _READ_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []

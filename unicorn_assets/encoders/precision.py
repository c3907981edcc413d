"""The numbers that an encoder computes in: what a recipe's `auto` means on this machine. Nothing here loads torch."""

from pathlib import Path
from typing import Literal

Precision = Literal["float32", "bfloat16"]

_FAST = frozenset({"avx512_bf16", "amx_bf16"})
"""What Linux calls the processors' own products of bfloat16 numbers. Without them torch is slower than in float32."""


def native(cpuinfo: Path = Path("/proc/cpuinfo")) -> Precision:
    """bfloat16 where the processor multiplies such numbers itself, else float32; also where nothing tells.

    Args:
        cpuinfo: what Linux says of the processors.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "float32"
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return "bfloat16" if _FAST & set(flags) else "float32"

"""float16, the number type of vectors on disk, to and from wider numbers: exactly NumPy's casts, three times as fast.

NumPy casts one number at a time. Here a chunk that fits a core's cache goes through a few whole-array operations on the
numbers' bits (F. Giesen's float-to-half conversions, "float->half variants", 2016), each of which uses vector
registers. What those do not cover, such as infinities, is left to NumPy.
"""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Halves = NDArray[np.float16]

_CHUNK = 65_536
"""Numbers at a time: 256 KiB of float32, so that a chunk and its scratch stay in a core's cache."""

_REBIAS = 112
"""What a float32's exponent is biased by beyond a float16's."""

_SCALE, _DENORMAL = np.float32(2.0**_REBIAS), np.float32(2.0**-136)


def _constant(number: int, dtype: type[np.int16] | type[np.int32]) -> NDArray[Any]:
    """An operand that need not be made at every call, which takes as long as a tenth of a chunk."""
    return np.array(number, dtype)


_MAGNITUDE16, _SIGN16 = _constant(0x7FFF, np.int16), _constant(-0x8000, np.int16)
_MAGNITUDE, _NO_FILL = _constant(0x7FFFFFFF, np.int32), _constant(~0x70000000, np.int32)
_ONE, _SHIFT, _SIGN_SHIFT = (_constant(number, np.int32) for number in (1, 13, 16))
_NOT_FINITE = 0x7C00
_TOO_LARGE = int(np.float32(65_520).view(np.int32))
"""From here on float16 rounds to infinity."""

_LEAST_NORMAL = np.full(_CHUNK, 2.0**-14, np.float32).view(np.int32)
"""As an array: against one number NumPy takes minima four times as slowly."""

_HALF = np.array(0.5, np.float32)
_HALF_BITS = _HALF.view(np.int32)
_ROUND = _constant(0xFFF - (_REBIAS << 23), np.int32)


class _Scratch(threading.local):
    """A thread's own room for what lies between; never handed out."""

    def __init__(self) -> None:
        self.wide = np.empty(_CHUNK, np.int32)
        self.second = np.empty(_CHUNK, np.int32)
        self.third = np.empty(_CHUNK, np.int32)
        self.narrow = np.empty(_CHUNK, np.int16)


_scratch = _Scratch()


def widen(halves: Halves, dtype: type[np.float32] | type[np.float64]) -> NDArray[Any]:
    """The same numbers as float32 or float64, in a new array; `halves.astype(dtype)`."""
    out = np.empty(halves.shape, dtype)
    if _SCALE * _DENORMAL == 0:  # a library has told the processor to take denormal numbers for zero
        np.copyto(out, halves)
        return out
    bits, wider = np.ascontiguousarray(halves).reshape(-1).view(np.int16), out.reshape(-1)
    for part in _chunks(bits.size):
        _widen(bits[part], wider[part])
    return out


def narrow(out: Halves, floats: NDArray[Any]) -> None:
    """Puts numbers into `out` rounded to float16, to the nearest and to even where two are equally near.

    Args:
        out: contiguous, of the same shape.
        floats: of any float type. What is beyond float16's range becomes an infinity, with NumPy's warning.
    """
    if floats.dtype != np.float32:
        np.copyto(out, floats, casting="same_kind")
        return
    bits, narrower = np.ascontiguousarray(floats).reshape(-1).view(np.int32), out.reshape(-1)
    for part in _chunks(bits.size):
        _narrow(bits[part], narrower[part])


def finite(halves: Halves) -> NDArray[np.bool_]:
    """Which rows, of (n, dimension), hold neither NaN nor an infinity, (n,); `np.isfinite(halves).all(axis=1)`."""
    found: NDArray[np.bool_] = ((halves.view(np.int16) & _MAGNITUDE16) < _NOT_FINITE).all(axis=1)
    return found


def _chunks(size: int) -> Iterator[slice]:
    return (slice(start, min(start + _CHUNK, size)) for start in range(0, size, _CHUNK))


def _widen(bits: NDArray[np.int16], out: NDArray[Any]) -> None:
    """Sign, exponent and mantissa go to their places in float32; a product mends the exponent, denormal or not."""
    size = bits.size
    if np.bitwise_and(bits, _MAGNITUDE16, out=_scratch.narrow[:size]).max() >= _NOT_FINITE:
        np.copyto(out, bits.view(np.float16))
        return
    single = out.dtype == np.float32
    wide = out.view(np.int32) if single else _scratch.wide[:size]
    np.copyto(wide, bits)  # the sign fills the upper half
    np.left_shift(wide, _SHIFT, out=wide)
    np.bitwise_and(wide, _NO_FILL, out=wide)
    numbers = wide.view(np.float32)
    np.multiply(numbers, _SCALE, out=numbers)
    if not single:
        np.copyto(out, numbers)


def _narrow(bits: NDArray[np.int32], out: Halves) -> None:
    """Rounds magnitudes as normal and as denormal halves, of which the larger pattern is right; then the sign."""
    size, halves = bits.size, out.view(np.int16)
    normal, denormal, other = _scratch.wide[:size], _scratch.second[:size], _scratch.third[:size]
    np.bitwise_and(bits, _MAGNITUDE, out=normal)
    if normal.max() >= _TOO_LARGE:
        np.copyto(out, bits.view(np.float32), casting="same_kind")
        return
    # 0.5 has a unit in the last place of 2**-24, as denormal halves have: what a sum adds to its bits is the pattern.
    np.minimum(normal, _LEAST_NORMAL[:size], out=denormal)
    numbers = denormal.view(np.float32)
    np.add(numbers, _HALF, out=numbers)
    np.subtract(denormal, _HALF_BITS, out=denormal)
    # To even: half a unit less one, and one more where the last bit that stays is set.
    np.right_shift(normal, _SHIFT, out=other)
    np.bitwise_and(other, _ONE, out=other)
    np.add(normal, other, out=normal)
    np.add(normal, _ROUND, out=normal)
    np.right_shift(normal, _SHIFT, out=normal)
    np.maximum(normal, denormal, out=normal)
    np.copyto(halves, normal, casting="unsafe")
    sign = _scratch.narrow[:size]
    np.right_shift(bits, _SIGN_SHIFT, out=other)
    np.copyto(sign, other, casting="unsafe")
    np.bitwise_and(sign, _SIGN16, out=sign)
    np.bitwise_or(halves, sign, out=halves)

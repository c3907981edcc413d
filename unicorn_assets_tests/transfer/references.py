"""Sets of embeddings with a gap, and every method once more in plain float64 NumPy, as the papers write it."""

import numpy as np

from unicorn_assets.identity import row_seed
from unicorn_assets.transfer.aniso import Blocks
from unicorn_assets.transfer.c3 import C3, Noise
from unicorn_assets.transfer.matched import Matched
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.noise import noise
from unicorn_assets.transfer.none import NoTransfer
from unicorn_assets.transfer.realign import Anchor
from unicorn_assets.transfer.statistics import Moments

WIDTH = 24
METHODS = ("none", "mean_shift", "c3", "c3_images", "realign", "aniso", "matched")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def side(number, seed, dtype=np.float32, width=WIDTH, images=False):
    mixing = np.random.default_rng(7).normal(size=(width, width)) * np.linspace(0.3, 0.05, width)
    mean = np.random.default_rng(8 + images).normal(size=width) / np.sqrt(width)
    rows = np.random.default_rng(seed).normal(size=(number, width)) @ mixing
    if images:
        rows = rows * np.linspace(0.6, 1.4, width)
    return unit(rows + mean).astype(dtype)


def texts(number=400, seed=1, dtype=np.float32, width=WIDTH):
    return side(number, seed, dtype, width)


def images(number=300, seed=2, dtype=np.float32, width=WIDTH):
    return side(number, seed, dtype, width, images=True)


def moments(rows):
    found = Moments(rows.shape[1])
    found.add(rows)
    return found


def fitted(name, y, x):
    match name:
        case "none":
            return NoTransfer(y.shape[1])
        case "mean_shift":
            return MeanShift.fit(moments(y))
        case "c3":
            return C3.fit(moments(y), None, Noise(sigma=0.05, seed=3))
        case "c3_images":
            return C3.fit(moments(y), moments(x), Noise(cosine=0.8, seed=3))
        case "realign":
            anchor = Anchor.fit(moments(y), moments(x))
            return anchor.finish(moments(anchor.step(y)))
        case "aniso":
            blocks = Blocks.fit(y, x)
            return blocks.finish(moments(blocks.step(y)))
    return Matched.fit(y, x)


def reference(name, y, x, ids):
    y, x = y.astype(np.float64), x.astype(np.float64)
    return _REFERENCES[name](y, x, ids)


def _c3(y, x, ids):
    return unit(y - y.mean(0) + 0.05 * noise(ids, y.shape[1], 3))


def _c3_images(y, x, ids):
    shifted = y - y.mean(0) + x.mean(0)
    sigma = np.linalg.norm(shifted, axis=1, keepdims=True) * np.sqrt((1 / 0.8**2 - 1) / y.shape[1])
    return unit(shifted + sigma * noise(ids, y.shape[1], 3))


def _realign(y, x, ids):
    trace_y, trace_x = (((side - side.mean(0)) ** 2).sum(axis=1).mean() for side in (y, x))
    first = unit(x.mean(0) + np.sqrt(trace_x / (trace_y + 1e-10)) * (y - y.mean(0)))
    return unit(first - first.mean(0) + x.mean(0))


def _aniso(y, x, ids):
    values, axes = np.linalg.eigh(np.cov(y.T, bias=True) + np.cov(x.T, bias=True))
    values, axes = values[::-1], axes[:, ::-1]
    r = next(k for k in range(len(values)) if values[:k].sum() > 0.9 * values.sum())
    r += r % 2
    z, w = (y - y.mean(0) + x.mean(0)) @ axes, x @ axes
    for a in range(0, r, 2):
        rho, goal = (np.sqrt((part[:, a : a + 2] ** 2).sum(axis=1) + 1e-12) for part in (z, w))
        from_, to = (np.quantile(radii, np.linspace(0, 1, 129)) for radii in (rho, goal))
        z[:, a : a + 2] *= (np.interp(rho, from_, to) / rho)[:, None]
    for a in range(r, len(values)):
        scale = np.sqrt((w[:, a].var() + 1e-10) / (z[:, a].var() + 1e-10))
        z[:, a] = (z[:, a] - z[:, a].mean()) * scale + w[:, a].mean()
    first = unit(z @ axes.T)
    return unit(first - first.mean(0) + x.mean(0))


def _ridge(y, x, penalty):
    """The map and its generalised cross-validation error, by the hat matrix."""
    inverse = np.linalg.inv(y.T @ y + penalty * np.eye(y.shape[1])) @ y.T
    hat = y @ inverse
    error = ((x - hat @ x) ** 2).sum() / (1 - (1 + np.trace(hat)) / len(y)) ** 2
    return error, inverse @ x


def _guessed(carried, y, x):
    """Pairs that count, and their mean cosine."""
    placed, centred = unit(carried - x.mean(0)), unit(x - x.mean(0))
    cosines = placed @ centred.T
    near = cosines - np.sort(cosines, axis=0)[-10:].mean(axis=0) / 2
    order = np.argsort(-near.max(axis=1), kind="stable")[: max(y.shape[1] + 1, -(-6 * len(y) // 10))]
    found = near.argmax(axis=1)[order]
    return y[order], x[found], cosines[order, found].mean()


def _matched(y, x, ids):
    carried = unit(y - y.mean(0) + x.mean(0))
    said, shown, near = _guessed(carried, y, x)
    for done in range(10):
        from_, to = said - said.mean(0), shown - shown.mean(0)
        tried = (_ridge(from_, to, penalty) for penalty in 10.0 ** np.arange(-10, 0.5, 0.5) * (from_**2).sum())
        matrix = min(tried, key=lambda one: one[0])[1]
        matrix = matrix * np.linalg.norm(to) / np.linalg.norm(from_ @ matrix)
        following = unit((y - said.mean(0)) @ matrix + shown.mean(0))
        before = near
        said, shown, near = _guessed(following, y, x)
        if done and near - before < (1 - before) / 16:
            break
        carried = following
    return carried


_REFERENCES = {
    "none": lambda y, x, ids: y,
    "mean_shift": lambda y, x, ids: unit(y - y.mean(0)),
    "c3": _c3,
    "c3_images": _c3_images,
    "realign": _realign,
    "aniso": _aniso,
    "matched": _matched,
}


def names(number, start=0):
    return [f"id-{row_seed(str(number), 'test'):x}" for number in range(start, start + number)]

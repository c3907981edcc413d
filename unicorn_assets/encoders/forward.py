"""Batches of texts through a model. On the CPU several at once, each on few threads of its own.

All threads at once on one operator of a small model mostly wait for each other, the more the busier the machine is: on
two busy cores this way takes half the time in float32 and a third in bfloat16. What a batch gives stays the same.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from unicorn_assets.encoders.base import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MOST_AT_ONCE = 8
"""Batches at once, which bounds the memory; further threads are shared out among them."""


def vectors(model: "SentenceTransformer", batches: Iterable[list[str]], prompt: str) -> Iterator[Vectors]:
    """The vectors of each batch, (n, dimension) float32, in the order of the batches: those of `model.encode`.

    Args:
        model: the model, set to evaluation.
        batches: texts, each batch of a size that the model takes at once.
        prompt: what the model is to have put before every text; may be empty.
    """
    import torch
    from sentence_transformers.util import batch_to_device

    threads = torch.get_num_threads()
    workers = min(threads, MOST_AT_ONCE) if model.device.type == "cpu" else 1

    def forward(features: dict[str, Any]) -> Vectors:
        with torch.inference_mode():
            found = model(batch_to_device(features, model.device))["sentence_embedding"]
            array: Vectors = found[:, : model.truncate_dim].float().cpu().numpy()
            return array

    # The number of threads is one of the calling thread's own, but new threads begin with the last that was set.
    own = max(1, threads // workers)
    waiting: deque[Future[Vectors]] = deque()
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(own,)) as pool:
            for batch in batches:
                # Here and not in the pool: a tokeniser cannot be used by two threads.
                waiting.append(pool.submit(forward, model.preprocess(batch, prompt=prompt or None)))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        torch.set_num_threads(threads)

"""Stage 3 from file to file: 100,000 x 1280 float16, ours against the papers' authors' form in plain NumPy.

Run it with `python -m benchmarks.transfer [ROWS] [FOLDER]`; the folder should lie on the disk that is meant. Each line
is a process of its own: ours the best of three, the plain form once. Work is what it takes from file to file, on the
clock and of the processors; start and imports are counted apart. Own memory is the peak of the process less the files
that it maps (Linux: RssAnon, looked at every 5 ms). Outputs are new files: to replace one makes ext4 write at once.

The plain form is a pickled list of {"id", "embedding"}, as the authors' scripts read and write, and NumPy on all of it.
"""

import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION = 1280
IMAGES = 20_000
RUNS = 3
WANTED, WANTED_MEMORY, WANTED_IN_ALL = {"mean_shift": 0.5, "realign": 1.0}, 300, 2
"""Seconds of work by method, MB of own memory, and seconds of the whole command, all at 100,000 rows on two cores."""


def embeddings(rows: int, seed: int, mean: float) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(seed)
    made = np.empty((rows, DIMENSION), np.float16)
    for start in range(0, rows, 4096):
        part = generator.standard_normal((min(4096, rows - start), DIMENSION), np.float32) + mean
        made[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return made


def write_both(path: Path, rows: np.ndarray[Any, Any]) -> None:
    from unicorn_assets.lake.vectors import VectorWriter

    ids = [f"{number:010d}" for number in range(len(rows))]
    with VectorWriter(path.with_suffix(".arrow"), DIMENSION) as writer:
        writer.write(ids, rows)
    with path.with_suffix(".pkl").open("wb") as file:
        pickle.dump([{"id": name, "embedding": row.copy()} for name, row in zip(ids, rows, strict=True)], file)


def plain(method: str, folder: Path) -> None:
    """The authors' form: everything in memory, float64 for ReAlign, a pickled list out."""

    def load(name: str) -> tuple[list[str], np.ndarray[Any, Any]]:
        with (folder / name).open("rb") as file:
            rows = pickle.load(file)
        return [row["id"] for row in rows], np.stack([row["embedding"] for row in rows])

    ids, halves = load("text.pkl")
    if method == "mean_shift":
        text = halves.astype(np.float32)
        text -= text.mean(axis=0)
        text /= np.linalg.norm(text, axis=1, keepdims=True)
    else:
        text, image = halves.astype(np.float64), load("image.pkl")[1].astype(np.float64)
        mean, goal = text.mean(axis=0), image.mean(axis=0)
        traces = [float(((side - centre) ** 2).sum(axis=1).mean()) for side, centre in ((image, goal), (text, mean))]
        text = goal + np.sqrt(traces[0] / (traces[1] + 1e-10)) * (text - mean)
        text /= np.linalg.norm(text, axis=1, keepdims=True)
        text += goal - text.mean(axis=0)
        text /= np.linalg.norm(text, axis=1, keepdims=True)
    out = text.astype(np.float16)
    with (folder / "plain.pkl").open("wb") as file:
        pickle.dump([{"id": name, "embedding": row} for name, row in zip(ids, out, strict=True)], file)


def ours(method: str, folder: Path) -> None:
    from unicorn_assets.lake.embedding_files import Embeddings
    from unicorn_assets.transfer.carrying import carry
    from unicorn_assets.transfer.fitting import Options, fit

    def quiet(what: str, done: int, total: int) -> None:
        return

    texts, images = Embeddings(folder / "text.arrow"), Embeddings(folder / "image.arrow")
    carry(fit(method, texts, images, Options(), quiet).method, texts, folder / "ours.arrow", None, quiet)


def anonymous() -> int:
    """Memory of this process that no file stands behind, in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    return 0


def measured(work: Callable[[], None]) -> tuple[float, float, float]:
    """Seconds of the work, seconds of the processors, and the most MB of own memory meanwhile."""
    most, over = [anonymous()], threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            most.append(anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start, used = time.perf_counter(), time.process_time()
    try:
        work()
    finally:
        seconds, used = time.perf_counter() - start, time.process_time() - used
        over.set()
        watcher.join()
    return seconds, used, max(most) * 1024 / 1e6


def child(form: str, method: str, folder: Path) -> None:
    import pyarrow  # noqa: F401 - imports are counted apart

    from unicorn_assets.transfer import carrying  # noqa: F401

    work = {"ours": ours, "plain": plain}[form]
    print(*measured(lambda: work(method, folder)))


def best(form: str, method: str, folder: Path) -> None:
    found = []
    for _ in range(RUNS if form == "ours" else 1):
        (folder / "ours.arrow").unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.transfer", "--child", form, method, str(folder)]
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        whole = time.perf_counter() - start
        work, used, memory = (float(figure) for figure in done.stdout.split())
        found.append((work, used, whole - work, memory))
    work, used, apart, memory = min(found)
    goal = f"   wanted: {WANTED[method]} s, {WANTED_MEMORY} MB" if form == "ours" else ""
    print(f"{method:<12}{form:<20}{work:>8.2f} s{used:>12.2f} s{apart:>14.2f} s{memory:>12,.0f} MB{goal}", flush=True)


def whole_command(method: str, folder: Path) -> None:
    images = ["--images", str(folder / "image.arrow")] if method == "realign" else []
    program = [sys.executable, "-c", "from unicorn_assets.cli.main import entry; entry()", "transfer"]
    command = [*program, "--method", method, "--text", str(folder / "text.arrow"), *images]
    seconds = []
    for _ in range(RUNS):
        (folder / "command.arrow").unlink(missing_ok=True)
        start = time.perf_counter()
        subprocess.run([*command, "--out", str(folder / "command.arrow")], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    print(f"{method:<12}{'unicorn transfer':<20}{min(seconds):>8.2f} s in all   wanted: {WANTED_IN_ALL} s", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f"{rows:,} x {DIMENSION} float16, {IMAGES:,} images for realign")
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as name:
        folder = Path(name)
        write_both(folder / "text", embeddings(rows, 1, 0.5))
        write_both(folder / "image", embeddings(IMAGES, 2, -0.5))
        print(f"{'':<32}{'work':>10}{'processors':>14}{'start, imports':>16}{'own memory':>15}")
        for method in ("mean_shift", "realign"):
            for form in ("ours", "plain"):
                best(form, method, folder)
            whole_command(method, folder)


if __name__ == "__main__":
    main()

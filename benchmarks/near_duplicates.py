"""Near-duplicates over 200,000 captions, beside datasketch and datatrove.

Run it with `python -m benchmarks.near_duplicates [ROWS]`. The `rules` engine writes the captions; a tenth are copies
of others with some words replaced, so that pairs lie at all Jaccard similarities (of word 3-grams). Each form is a
process of its own and gets the same texts. On the clock is what it takes from the texts on disk; imports are not. Own
memory is what no file stands behind (Linux: RssAnon), of datatrove without its workers. It needs the extra `bench`.

- ours: the stage `near_duplicates`, from shards of the lake to losers and pairs on disk: signatures, candidates by
  Jaccard and containment, both judged by the texts, and the choice. Then once more with another shard of 10,000 rows.
- datasketch: MinHash with `update_batch` and MinHashLSH with the same permutations and bands. Its candidates are
  not judged, and only Jaccard is looked for.
- datatrove: its local MinHash pipeline to the clusters on two workers, the same permutations and bands. Its tokeniser
  for English needs spaCy, which is slow; here words are what lies between blanks, which is in its favour.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.transfer import measured

SHARD_ROWS = 10_000
PLANTED = 0.1
JACCARD, LOW = 0.8, 0.6
WANTED = {"datasketch": 10, "datatrove": 5}
Figures = dict[str, Any]
WORD = re.compile(r"[^\W_]+")


def captions(rows: int) -> Iterator[tuple[str, str]]:
    """Ids and captions; those that were planted come right behind what they are a copy of."""
    from benchmarks.rules_engine import requests
    from benchmarks.rules_engine import rows as seeds
    from unicorn_assets.engines.rules import RulesEngine
    from unicorn_assets.identity import sample_id

    rng = random.Random(1)
    asked = requests([(sample, {"seed": seed}) for sample, seed in seeds(round(rows / (1 + PLANTED)) + 1)], "expansion")
    for request, answer in RulesEngine().generate(asked):
        yield request.id, answer.text
        if rng.random() < PLANTED:
            words = answer.text.split()
            for place in rng.sample(range(len(words)), min(rng.choice((1, 1, 2, 2, 3, 4, 5, 8, 12)), len(words))):
                words[place] = f"other{rng.randrange(10**6)}"
            yield sample_id(request.id), " ".join(words)


def write(folder: Path, rows: int) -> list[str]:
    """The texts as shards of a lake and as JSONL; the names of the shards."""
    import pyarrow as pa

    from unicorn_assets.home import Home
    from unicorn_assets.identity import shard_names
    from unicorn_assets.lake.drafts import Drafts
    from unicorn_assets.lake.layout import LAKE_VERSION
    from unicorn_assets.lake.shards import ShardWriter
    from unicorn_assets.lake.sidecar import Run, Sidecar

    made = list(captions(rows))[:rows]
    random.Random(2).shuffle(made)
    names, lake = shard_names(-(-rows // SHARD_ROWS)), Home(folder / "home").lake
    columns = {"caption": pa.string(), "quality": pa.float32()}
    (folder / "jsonl").mkdir()
    for number, shard in enumerate(names):
        own = sorted(made[number * SHARD_ROWS : (number + 1) * SHARD_ROWS])
        lines = (json.dumps({"id": sample, "text": text}) for sample, text in own)
        (folder / "jsonl" / f"{shard}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for stage, name in (("pretrain_dataset", "caption"), ("curated_captions", "quality")):
            with Drafts(lake, stage, shard) as drafts:
                out = ShardWriter(drafts, pa.schema([("id", pa.string()), (name, columns[name])]), "ab" * 16)
                for sample, text in own:
                    out.row(**{"id": sample, name: text if name == "caption" else len(text) / 1000})
                out.finish()
                run = Run(run_id="benchmark", started="2026-01-01T00:00:00+00:00", seconds=0, host="", version="")
                counts = {"rows_in": len(own), "rows_out": len(own), "rejected": {}, "not_selected": {}}
                parts: dict[str, Any] = {"fields": {}, "inputs": {}, "produced": {}, "metrics": {}, "checks": []}
                about = {"lake_version": LAKE_VERSION, "stage": stage, "shard": shard, "fingerprint": "ab" * 16}
                drafts.publish(Sidecar(**about, **counts, **parts, files=drafts.describe(), run=run))
    return names


def ours(folder: Path, shards: list[str]) -> Callable[[], Figures]:
    import pyarrow as pa

    from unicorn_assets.curation.duplicates.signatures import algorithm
    from unicorn_assets.duplicates import Duplicates
    from unicorn_assets.home import Home
    from unicorn_assets.identity import shard_names
    from unicorn_assets.lake.layout import ALL
    from unicorn_assets.recipe import Recipe, Seeds, Source
    from unicorn_assets.stages.corpus import READ
    from unicorn_assets.stages.duplicates import NEAR_DUPLICATES
    from unicorn_assets.stages.freshness import State
    from unicorn_assets.stages.graph import graph
    from unicorn_assets.stages.runner import make
    from unicorn_assets.stages.tools import Tools

    algorithm()
    pa.array([0])  # pyarrow imports pandas at its first array
    home = Home(folder / "home")
    every = shard_names(len(list((folder / "jsonl").iterdir())))
    seeds = Seeds(sources=(Source(name="none", path="/none"),))
    recipe = Recipe(name="benchmark", shards=len(every), seeds=seeds, duplicates=Duplicates(questions=False))
    tools = Tools(home, recipe)
    tools.seen = [
        State(stage, shard, "fresh" if shard in shards else "missing", "", home.lake.need("pretrain_dataset", shard))
        for shard in every
        for stage in READ
    ]

    def work() -> Figures:
        made = make(NEAR_DUPLICATES, tools, ALL, graph=graph(recipe), run_id="benchmark")
        found: Figures = made.sidecar.metrics["texts"]["caption"]
        return found

    return work


def texts(folder: Path, shards: list[str]) -> Iterator[tuple[str, str]]:
    for shard in shards:
        with (folder / "jsonl" / f"{shard}.jsonl").open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                yield row["id"], row["text"]


def datasketch(folder: Path, shards: list[str]) -> Callable[[], Figures]:
    from datasketch import MinHash, MinHashLSH

    from unicorn_assets.curation.duplicates.banding import shape

    def work() -> Figures:
        lsh, pairs = MinHashLSH(params=shape(JACCARD), num_perm=128), 0
        for sample, text in texts(folder, shards):
            words = WORD.findall(text.lower())
            one = MinHash(num_perm=128)
            one.update_batch({" ".join(words[at : at + 3]).encode() for at in range(max(len(words) - 2, 1))})
            pairs += len(lsh.query(one))
            lsh.insert(sample, one)
        return {"candidates": pairs}

    return work


@dataclass(frozen=True)
class Read:
    """datatrove's reader: a shard's texts for each task. Its own one for JSONL wants another library."""

    folder: Path
    shards: list[str]

    def __call__(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """The documents of one task."""
        from datatrove.data import Document

        del data, world_size
        for sample, text in texts(self.folder, [self.shards[rank]]):
            yield Document(text=text, id=sample)


class Blanks:
    """Words are what lies between blanks."""

    def word_tokenize(self, text: str) -> list[str]:
        """The words of a text that datatrove has simplified."""
        return text.split()


def hashed(text: str) -> int:
    import xxhash

    number: int = xxhash.xxh64_intdigest(text.encode())
    return number


def datatrove(folder: Path, shards: list[str]) -> Callable[[], Figures]:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupSignature, minhash
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets

    from unicorn_assets.curation.duplicates.banding import shape

    minhash.load_word_tokenizer = lambda language: Blanks()
    minhash.create_hash_func = lambda config: hashed  # as its own; that of 0.10 cannot use xxhash 4
    count, rows = shape(JACCARD)
    config, inside = MinhashConfig(n_grams=3, num_buckets=count, hashes_per_bucket=rows), folder / "datatrove"
    steps: list[tuple[str, list[Any], int]] = [
        (
            "signatures",
            [Read(folder, shards), MinhashDedupSignature(str(inside / "signatures"), config=config)],
            len(shards),
        ),
        ("buckets", [MinhashDedupBuckets(str(inside / "signatures"), str(inside / "buckets"), config=config)], count),
        ("clusters", [MinhashDedupCluster(str(inside / "buckets"), str(inside / "removed"), config=config)], 1),
    ]

    def work() -> Figures:
        for name, pipeline, tasks in steps:
            logs = str(inside / "logs" / name)
            LocalPipelineExecutor(pipeline, tasks=tasks, workers=2, logging_dir=logs, start_method="fork").run()
        return {"removed": sum(path.stat().st_size // 4 for path in (inside / "removed").rglob("*.remove"))}

    return work


FORMS: dict[str, Callable[[Path, list[str]], Callable[[], Figures]]] = {
    "ours": ours,
    "datasketch": datasketch,
    "datatrove": datatrove,
}


def told(form: str, folder: Path, shards: list[str]) -> Figures:
    """What one form takes, in this process."""
    work, figures = FORMS[form](folder, shards), {}
    before = os.times()
    seconds, _, mb = measured(lambda: figures.update(work()))
    return {"seconds": seconds, "cpu": sum(os.times()[:4]) - sum(before[:4]), "mb": mb, "figures": figures}


def alone(form: str, folder: Path, shards: list[str]) -> Figures:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.near_duplicates", "--form", form, str(folder), *shards]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{form} failed:\n{done.stderr[-3000:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def truth(folder: Path, shards: list[str]) -> tuple[float, float, int, int]:
    """Recall among planted pairs from JACCARD on, precision against pairs up to LOW, and how many each stands on."""
    import pyarrow.parquet as pq

    from unicorn_assets.home import Home
    from unicorn_assets.identity import sample_id
    from unicorn_assets.lake.layout import ALL

    known = dict(texts(folder, shards))

    def similarity(first: str, second: str) -> float:
        sides = []
        for sample in (first, second):
            words = WORD.findall(known[sample].lower())
            sides.append({tuple(words[at : at + 3]) for at in range(max(len(words) - 2, 1))})
        return len(sides[0] & sides[1]) / len(sides[0] | sides[1])

    pairs = pq.read_table(Home(folder / "home").lake.pairs("near_duplicates", ALL)).to_pylist()
    lexical = {(row["id_a"], row["id_b"]) for row in pairs if row["how"] == "lexical"}
    found = lexical | {(second, first) for first, second in lexical}
    planted = [(sample, sample_id(sample)) for sample in known if sample_id(sample) in known]
    high = [pair for pair in planted if similarity(*pair) >= JACCARD]
    low = sum(similarity(*pair) <= LOW for pair in lexical)
    return sum(pair in found for pair in high) / len(high), 1 - low / len(lexical), len(high), len(lexical)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=200_000, help="captions, in shards of 10,000")
    parser.add_argument("--work", help="folder to work in")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="unicorn-duplicates-", dir=chosen.work))
    try:
        report(folder, chosen.rows)
    finally:
        shutil.rmtree(folder)


def report(folder: Path, rows: int) -> None:
    shards = write(folder, rows + SHARD_ROWS)
    first = shards[:-1]
    whole = alone("ours", folder, first)
    recall, precision, high, lexical = truth(folder, first)
    more = alone("ours", folder, shards)
    taken = {"ours": whole, "ours, one shard more": more}
    taken |= {form: alone(form, folder, first) for form in WANTED}
    print(f"{rows:,} captions in {len(first)} shards, and one more of {SHARD_ROWS:,}")
    for name, one in taken.items():
        used = f"{one['seconds']:8.2f} s, {one['cpu']:8.2f} s of CPU, {one['mb']:6,.0f} MB"
        print(f"{name:<22} {used}  {json.dumps(one['figures'])}")
    for form, least in WANTED.items():
        times, busy = (taken[form][unit] / whole[unit] for unit in ("seconds", "cpu"))
        print(f"against {form:<14} {times:8.1f} times as fast, {busy:.1f} by CPU   wanted: {least}")
    share = {unit: more[unit] / whole[unit] for unit in ("seconds", "cpu")}
    print(f"one shard more         {share['seconds']:8.3f} of the whole, {share['cpu']:.3f} by CPU   wanted: 0.1")
    print(f"recall                 {recall:8.4f} of {high:,} planted pairs from {JACCARD} on   wanted: 0.95")
    print(f"precision              {precision:8.4f} of {lexical:,} pairs lie above {LOW}   wanted: 0.99")
    print(f"own memory             {max(whole['mb'], more['mb']):8,.0f} MB   wanted: 2,048")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--form"]:
        print(json.dumps(told(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])))
    else:
        main()

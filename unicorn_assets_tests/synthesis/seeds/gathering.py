"""A corpus gathered, and its two files read back."""

import pyarrow.parquet as pq

from unicorn_assets.recipe import Seeds
from unicorn_assets.synthesis.seeds.gather import gather
from unicorn_assets_tests.synthesis.seeds.writing import source, write_table

CAPTIONS = [f"A {animal} runs {place}" for animal in ("dog", "cat", "cow") for place in ("home", "away", "uphill")]


class Result:
    """What `gather` returned and wrote."""

    def __init__(self, folder, sources, shards=3, **rules):
        self.out, self.aside_path, self.work = folder / "out.parquet", folder / "aside.parquet", folder / "work"
        self.heard = []
        rules = Seeds(sources=tuple(sources), **rules)
        self.gathered = gather(rules, shards, self.out, self.aside_path, self.work, self.heard.append)
        self.seeds = pq.read_table(self.out).to_pylist()
        self.aside = pq.read_table(self.aside_path).to_pylist()

    @property
    def captions(self):
        return {row["seed"] for row in self.seeds}

    def reasons(self):
        return [(row["source"], row["row"], row["reason"]) for row in self.aside]


def captions(folder, name, values, **keys):
    rows = [value if isinstance(value, dict) else {"caption": value} for value in values]
    return source(write_table(folder, name, rows), **keys)

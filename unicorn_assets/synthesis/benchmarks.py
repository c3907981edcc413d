"""Benchmark files as texts, by the readers of seed files: JSONL, CSV, TSV, Parquet or plain text, compressed or not."""

from dataclasses import dataclass, field
from pathlib import Path

from unicorn_assets.curation.decontamination import Source
from unicorn_assets.decontamination import Benchmark
from unicorn_assets.errors import BenchmarkError, SeedError
from unicorn_assets.lake.files import known_sha256
from unicorn_assets.recipe import Source as File
from unicorn_assets.synthesis.seeds import readers
from unicorn_assets.synthesis.seeds.rows import CAPTION_NAMES, Columns, Row, guessed, listed

QUESTION_NAMES = ("question", "questions", "query", "prompt", "instruction", "problem", "input")
LINE = "line"
"""What a text file has for a column."""
CURE = "mend or replace the file, or drop the benchmark from [decontamination] in the recipe."


@dataclass
class Texts:
    """The texts of one benchmark.

    Args:
        columns: the columns that were taken.
        texts: each text with where it stands.
        unusable: rows that gave no text.
    """

    columns: tuple[str, ...]
    texts: list[tuple[Source, str]] = field(default_factory=list)
    unusable: int = 0


def content_hash(benchmark: Benchmark) -> str:
    """SHA-256 of the file.

    Raises:
        BenchmarkError: it cannot be read.
    """
    try:
        return known_sha256(Path(benchmark.path))
    except OSError as error:
        raise BenchmarkError(
            f"The file {benchmark.path} of the benchmark {benchmark.name!r} cannot be read: {error.strerror}.",
            "give the path of a readable file under [[decontamination.benchmarks]].",
        ) from None


def read_texts(benchmark: Benchmark) -> Texts:
    """All texts of a benchmark, in memory: benchmarks are small beside what is compared with them.

    Raises:
        BenchmarkError: the file cannot be read, is empty, has no such column, or not one text in it; names file and
            column.
    """
    file = File(name=benchmark.name, path=benchmark.path, format=benchmark.format)
    try:
        found = Texts(_columns(benchmark, file))
        for column in found.columns:
            for row in readers.rows(file, Columns(column)):
                if isinstance(row, Row) and row.text.strip():
                    found.texts.append((Source(benchmark.name, row.row, column), row.text))
                else:
                    found.unusable += 1
    except SeedError as error:
        what = error.what.replace("The seed file", "the file").replace("There is no seed file", "there is no file")
        raise BenchmarkError(f"The benchmark {benchmark.name!r} cannot be used: {what}", CURE) from None
    if not found.texts:
        columns = ", ".join(map(repr, found.columns))
        raise BenchmarkError(
            f"{benchmark.path} (benchmark {benchmark.name!r}) has no text in {columns}: none of its "
            f"{found.unusable:,} rows can be used.",
            'name the columns of questions or captions with columns = ["COLUMN"].',
        )
    return found


def _columns(benchmark: Benchmark, file: File) -> tuple[str, ...]:
    names = readers.header(file)
    missing = [column for column in benchmark.columns if column not in names]
    if missing:
        raise BenchmarkError(
            f"{benchmark.path} (benchmark {benchmark.name!r}) has no column {missing[0]!r}; {listed(names)}",
            "name one of them under [[decontamination.benchmarks]].",
        )
    if benchmark.columns:
        return benchmark.columns
    if readers.format_of(file) == "text":
        return (LINE,)
    usual = [guessed(kind, names) for kind in (QUESTION_NAMES, CAPTION_NAMES)]
    taken = tuple(column for column in usual if column is not None)
    if not taken:
        raise BenchmarkError(
            f"{benchmark.path} (benchmark {benchmark.name!r}) has no column with a usual name of a question or a "
            f"caption; {listed(names)}",
            'name them with columns = ["COLUMN"] under [[decontamination.benchmarks]].',
        )
    return taken

"""The parts of the card that are the same for every release: how to load it, what stands in it, its limits.

The Python in it is run by the tests.
"""

from collections.abc import Collection

CONFIGS = ("pretrain", "instruction")

COLUMNS = """\
`pretrain/*.parquet` and `instruction/*.parquet` have `id`, `caption`, `conversations` (lists of `from` and `value`) and
`image_embedding` (float16); `instruction` has its `task`, too. An instruction sample has its caption's id.
`embeddings/*.arrow` has each vector once (`id`, `embedding`: uncompressed float16), to be memory-mapped."""

FORMATS = {
    "llava": """\
`llava/*.json` has the samples as LLaVA records (`id`, `caption`, `conversations`), without vectors; the index beside it
says where each record and its vector stand.""",
    "webdataset": """\
`webdataset/TABLE/*.tar` has each sample as `ID.json` and `ID.npy`, side by side.""",
    "unicorn_authors": """\
`unicorn_authors/` is the layout that the Unicorn paper's authors' trainer reads: their JSON, and pickled lists of `id`
and `embed` (float32). It is written for that trainer alone. Loading a pickle runs what it says: load it only if you
trust whoever gave you this folder, or take the vectors from `embeddings/`, where they are the same.""",
}
"""What each further format is, by its name in the recipe."""

ORDER = "All of it is sorted by shard and id."

NO_VALIDATION = "Nothing is held out: every sample is for training."

VALIDATION = """\
They stand in `validation/`, in the layout of the rest; vectors of both sides stand in `embeddings/`. The draw is by
hash of the id, which is a hash of the seed: all that is made of one seed stands on one side, in every version with this
share. Seeds that merely resemble each other can stand on both."""

VERSIONS = """\
A version is a hash of all that a release holds: the same content is the same version, and a version never changes.
`manifest.json` says what changed since the version before: rows added, rewritten and dropped, and why. `unicorn verify
FOLDER` checks hashes, counts, joins, norms and splits on any machine."""

_ALWAYS = """\
Run in this folder. `datasets`:

```python
from datasets import load_dataset

pretrain = load_dataset("parquet", data_files="pretrain/*.parquet", split="train").with_format("numpy")
instruction = load_dataset("parquet", data_files="instruction/*.parquet", split="train").with_format("numpy")
print(pretrain[0]["image_embedding"].shape)
```

Polars:

```python
import polars as pl

pretrain = pl.read_parquet("pretrain/*.parquet")
print(pretrain["image_embedding"].to_numpy().shape)
```

DuckDB:

```python
import duckdb

pretrain = duckdb.sql("SELECT id, caption, conversations[1].value, image_embedding FROM 'pretrain/*.parquet'")
print(pretrain.limit(1).fetchall())
```

The vectors alone, memory-mapped:

```python
from pathlib import Path
import pyarrow as pa

mapped = [pa.memory_map(str(path)) for path in sorted(Path("embeddings").glob("*.arrow"))]
vectors = pa.concat_tables([pa.ipc.open_file(file).read_all() for file in mapped])
print(vectors.num_rows, vectors.schema)
```"""

_BY_FORMAT = {
    "llava": """\
LLaVA records:

```python
import json
from pathlib import Path

records = json.loads(Path("llava/pretrain.json").read_text(encoding="utf-8"))
print(records[0]["conversations"][0])
```

A torch Dataset, any row at once, memory-mapped (`pip install unicorn-assets`):

```python
from torch.utils.data import DataLoader
from unicorn_assets.release.torch_dataset import Collator, ReleaseDataset

loader = DataLoader(ReleaseDataset(".", "pretrain"), batch_size=32, shuffle=True, collate_fn=Collator())
print(next(iter(loader))["image_embedding"].shape)
```""",
    "webdataset": """\
WebDataset, here by `datasets`:

```python
from datasets import load_dataset

tars = load_dataset("webdataset", data_files="webdataset/pretrain/*.tar", split="train", streaming=True)
row = next(iter(tars))
print(row["json"]["conversations"][0], len(row["npy"]))
```""",
    "unicorn_authors": """\
The Unicorn authors' layout:

```python
import json, pickle
from pathlib import Path

records = json.loads(Path("unicorn_authors/Pretrain.json").read_text(encoding="utf-8"))
lists = [pickle.loads(path.read_bytes()) for path in Path("unicorn_authors/embeddings").glob("*.pkl")]
print(len(records), lists[0][0]["embed"].shape)
```""",
}


def loading(formats: Collection[str]) -> str:
    """How to load a release that carries these formats beside Parquet and vectors."""
    return "\n\n".join([_ALWAYS, *(text for name, text in _BY_FORMAT.items() if name in formats)])


VECTORS = """\
The method embeds a caption with a text encoder whose space is shared with an image encoder, and carries the embedding
over to where images lie (Unicorn, arXiv 2503.22655). A trainer gives the vector to the projector in the place of an
image's features; Unicorn repeats the one vector for all 576 image tokens."""

LIMITS = """\
- One vector an image: nothing says where in the picture something is.
- Captions add details that their seed does not have, and no image was there to check them against.
- What an encoder does not read of a long caption is in the text but not in the vector.
- Real images match only vectors of a text encoder that has an image encoder beside it. Plain sentence encoders, such as
  all-MiniLM-L6-v2, have none: good for building a pipeline, not for a model that sees.
- English alone."""

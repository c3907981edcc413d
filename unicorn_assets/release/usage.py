"""The parts of the card that are the same for every release: how to load it, what stands in it, its limits.

The Python in it is run by the tests.
"""

CONFIGS = ("pretrain", "instruction")

COLUMNS = """\
`pretrain/*.parquet` and `instruction/*.parquet` have `id`, `caption`, `conversations` (lists of `from` and `value`) and
`image_embedding` (float16); `instruction` has its `task`, too. An instruction sample has its caption's id.
`embeddings/*.arrow` has each vector once (`id`, `embedding`: uncompressed float16), to be memory-mapped.
`llava/*.json` has the samples as LLaVA records (`id`, `caption`, `conversations`), without vectors.
All of it is sorted by shard and id."""

LOADING = """\
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
```

LLaVA records:

```python
import json
from pathlib import Path

records = json.loads(Path("llava/pretrain.json").read_text(encoding="utf-8"))
print(records[0]["conversations"][0])
```"""

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

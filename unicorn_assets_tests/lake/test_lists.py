"""Lists of numbers between Arrow and NumPy: the same as pyarrow's own ways, views, and without pandas."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from unicorn_assets.lake.lists import listed, numbers
from unicorn_assets_tests.lake.test_embedding_files import read, write
from unicorn_assets_tests.transfer.references import texts

types = pytest.mark.parametrize("dtype", [np.float16, np.float32])


@types
def test_numbers_are_a_read_only_view_of_what_arrow_holds(dtype):
    flat = pa.array(np.arange(12, dtype=dtype))
    for part in (flat, flat.slice(3, 5), flat.slice(12), flat.slice(0, 0)):
        found = numbers(part)
        assert found.dtype == dtype
        assert found.tolist() == part.to_pylist()
    assert not numbers(flat).flags.writeable
    assert numbers(flat.slice(3)).ctypes.data == flat.buffers()[1].address + 3 * dtype().itemsize


@types
def test_vectors_become_lists_without_a_copy(dtype):
    rows = np.arange(12, dtype=dtype).reshape(4, 3)
    kind = pa.list_(pa.from_numpy_dtype(dtype), 3)
    made = listed(rows, kind)
    made.validate(full=True)
    assert made.type == kind
    assert made.to_pylist() == rows.tolist()
    assert made.values.buffers()[1].address == rows.ctypes.data
    assert listed(rows[:0], kind).to_pylist() == []
    assert numbers(made.slice(1, 2).flatten()).tolist() == rows[1:3].reshape(-1).tolist()


def test_a_file_is_read_and_written_without_pandas(tmp_path):
    pytest.importorskip("pandas")
    write(tmp_path / "one.arrow", texts(30))
    code = (
        "import sys; from pathlib import Path; import numpy as np; "
        "from unicorn_assets.lake.embedding_files import Embeddings, EmbeddingWriter\n"
        "one, two = (Path(sys.argv[1], name) for name in ('one.arrow', 'two.arrow'))\n"
        "with EmbeddingWriter(two, 'Arrow', 24, np.dtype('float16')) as writer:\n"
        "    for batch in Embeddings(one): writer.write(batch.names, batch.vectors.astype(np.float16))\n"
        "assert 'pandas' not in sys.modules"
    )
    checkout = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=checkout, check=True, timeout=60)
    assert np.array_equal(read(tmp_path / "two.arrow")[1], texts(30).astype(np.float16))

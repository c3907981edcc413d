"""What `auto` means on a machine, by what Linux says of its processors."""

import pytest

from unicorn_assets.encoders.precision import native


@pytest.mark.parametrize(
    ("said", "dtype"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16 avx512_vnni\n\nprocessor : 1\nflags : fpu\n", "bfloat16"),
        ("flags : fpu amx_bf16 amx_tile\n", "bfloat16"),
        ("flags : fpu avx2 avx512f avx512_bf1 notamx_bf16x\n", "float32"),
        ("vmx flags : avx512_bf16\nflags : fpu avx2\n", "float32"),
        ("Features : fp asimd bf16\n", "float32"),
        ("flags :\n", "float32"),
        ("", "float32"),
        ("\udcff flags", "float32"),
    ],
)
def test_bfloat16_where_the_processor_multiplies_it(tmp_path, said, dtype):
    (tmp_path / "cpuinfo").write_bytes(said.encode(errors="surrogateescape"))
    assert native(tmp_path / "cpuinfo") == dtype


def test_float32_where_nothing_tells(tmp_path):
    assert native(tmp_path / "missing") == native(tmp_path) == "float32"


def test_this_machine_has_an_answer():
    assert native() in ("float32", "bfloat16")

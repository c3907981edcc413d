import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import LakeError
from unicorn_assets.lake import sidecar
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.sidecar import Check, Sidecar
from unicorn_assets_tests.lake.making import ids, make


@pytest.fixture
def made(tmp_path) -> tuple[Sidecar, str]:
    lake = Lake(tmp_path)
    found = make(lake, "caption_seeds", "shard-0000", ids(3), rejected=ids(1, 10))
    return found, lake.sidecar_path("caption_seeds", "shard-0000")


def test_what_was_written_is_read_back_and_written_the_same(made):
    found, path = made
    assert sidecar.read(path) == found
    assert path.read_text() == sidecar.read(path).dump()
    assert list(json.loads(path.read_text())) == sorted(json.loads(path.read_text()))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(fields=st.dictionaries(st.text("abc", max_size=3), JSON, max_size=4))
def test_any_fields_come_back_equal(tmp_path_factory, fields):
    lake = Lake(tmp_path_factory.mktemp("lake"))
    made = make(lake, "caption_seeds", "shard-0000", [], fields=fields)
    assert lake.sidecar("caption_seeds", "shard-0000").fields == made.fields == fields


def test_a_figure_that_is_not_finite_is_null_in_the_file(tmp_path):
    lake = Lake(tmp_path)
    make(lake, "caption_seeds", "shard-0000", [], metrics={"a": float("nan"), "b": {"c": [float("inf")]}})
    assert lake.sidecar("caption_seeds", "shard-0000").metrics == {"a": None, "b": {"c": [None]}}


def test_none_is_there_where_none_is(tmp_path):
    assert sidecar.read(tmp_path / "shard-0000.json") is None


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda text: text[:-30], "EOF|Invalid JSON"),
        (lambda text: "", "Invalid JSON"),
        (lambda text: "\x00" * len(text), "Invalid JSON"),
        (lambda text: "[]", "object"),
        (lambda text: text.replace('"rows_in": 4', '"rows_in": "many"'), "rows_in"),
        (lambda text: text.replace('"rows_in"', '"rows_inn"'), "rows_in"),
        (lambda text: text.replace('"sha256"', '"sha257"', 1), r"files\.rows\.sha256|files\.set_aside\.sha256|files"),
    ],
)
def test_a_damaged_sidecar_is_named_with_what_is_wrong_in_it(made, damage, why):
    _, path = made
    path.write_text(damage(path.read_text()))
    with pytest.raises(LakeError, match=why) as caught:
        sidecar.read(path)
    assert str(path) in caught.value.what
    assert "delete that file" in caught.value.cure


def test_a_sidecar_cut_anywhere_is_damaged(made):
    _, path = made
    text = path.read_bytes()
    for size in range(0, len(text) - 2, 7):
        path.write_bytes(text[:size])
        with pytest.raises(LakeError, match="is damaged"):
            sidecar.read(path)
    path.write_bytes(text.replace(b"here", b"h\xe9re"))
    with pytest.raises(LakeError, match="is damaged"):
        sidecar.read(path)


def test_a_folder_in_its_place_is_damage(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(LakeError, match="Is a directory"):
        sidecar.read(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("passed", "blocking", "severity", "blocked"),
    [
        (False, True, "ERROR", ["c"]),
        (True, True, "ERROR", []),
        (False, False, "ERROR", []),
        (False, True, "WARN", []),
    ],
)
def test_only_a_failed_blocking_error_blocks(made, passed, blocking, severity, blocked):
    check = Check(name="c", passed=passed, blocking=blocking, severity=severity, description="")
    assert made[0].model_copy(update={"checks": [check]}).blocked_by == blocked


def test_what_a_stage_below_names_is_the_shard_else_all_else_the_fingerprint(made):
    found, _ = made
    assert found.produced_for("shard-0000") == found.fingerprint
    both = found.model_copy(update={"produced": {"all": "x", "shard-0001": "y"}})
    assert [both.produced_for(shard) for shard in ("shard-0000", "shard-0001")] == ["x", "y"]

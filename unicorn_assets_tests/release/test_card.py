"""The dataset card, and its front matter as the Hub reads it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from unicorn_assets.release import card, images, transfer_card
from unicorn_assets.release.build import Coverage, build
from unicorn_assets.release.manifest import Licence, Manifest
from unicorn_assets.transfer.metrics import words
from unicorn_assets.transfer.metrics.results import GapReport
from unicorn_assets_tests.release.lakes import FIELDS, SmallLake, gap, recipe


@pytest.fixture
def text(made: tuple[SmallLake, Path]) -> str:
    return (made[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def facts(made: tuple[SmallLake, Path]) -> Manifest:
    return Manifest.model_validate_json((made[1] / "manifest.json").read_bytes())


def front_matter(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return found


def test_the_front_matter_is_what_the_hub_reads(text: str) -> None:
    assert front_matter(text) == {
        "pretty_name": "small",
        "language": ["en"],
        "license": ["cc-by-4.0", "other"],
        "size_categories": ["n<1K"],
        "task_categories": ["image-text-to-text"],
        "tags": ["synthetic", "vision-language", "text-only", "llava"],
        "configs": [
            {
                "config_name": "pretrain",
                "data_files": [{"split": "train", "path": "pretrain/*.parquet"}],
                "default": True,
            },
            {"config_name": "instruction", "data_files": [{"split": "train", "path": "instruction/*.parquet"}]},
        ],
    }


@pytest.mark.parametrize(
    ("rows", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (9_999_999, "1M<n<10M"), (10**7, "10M<n<100M")]
)
def test_size_categories(facts: Manifest, rows: int, size: str) -> None:
    tables = facts.tables | {
        "pretrain": facts.tables["pretrain"].model_copy(update={"rows": rows - facts.tables["instruction"].rows})
    }
    rendered = card.render(facts.model_copy(update={"tables": tables}), {})
    assert front_matter(rendered)["size_categories"] == [size]


def test_it_says_plainly_what_the_rules_engine_is(text: str) -> None:
    assert text.count("written by rule, for demos, tests and scale runs; not for training a model that matters") == 2


def test_another_engine_is_named_and_gets_no_such_remark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = {"engine": {"kind": "vllm", "model": "/weights/Some-7B", "revision": "v1"}}
    monkeypatch.setitem(FIELDS, "expanded_captions", engine)
    small = SmallLake(tmp_path / "lake")
    build(small.lake, recipe(), small.shards, Coverage(2, 2), tmp_path / "draft")
    text = (tmp_path / "draft" / "README.md").read_text()
    assert "- Text: `vllm`, `Some-7B`, `v1`\n" in text
    assert "by rule" not in text


def test_it_has_the_counts_the_rejects_and_the_cut_rows(made: tuple[SmallLake, Path], text: str) -> None:
    small = made[0]
    assert f"{len(small.released)} pretraining and {len(small.asked)} instruction samples" in text
    assert "2 of 2 shards" in text
    assert "| `curated_captions` | 40 | 26 | too_long 14 | 0 |" in text
    assert f"| `instruction_dialogs` | 26 | 13 | 0 | not_drawn {26 - len(small.asked)} |" in text
    assert "The encoder reads 256 tokens: 2 of 26 captions (7.7%) were longer" in text
    assert "- `text_embeddings`, check `nothing_cut` failed on 2 of 2: No caption is longer" in text


def test_it_tells_what_to_do_with_real_images(facts: Manifest, text: str) -> None:
    rule = facts.made_by.transfer["real_images"]
    assert "subtract the mean" in rule
    assert rule in text


def test_it_tells_what_the_transfer_did_in_a_table_and_in_words(facts: Manifest, text: str) -> None:
    report = GapReport.restore(facts.made_by.transfer["gap"])
    omega = report.preservation.omega.value
    assert f"| omega |  | {omega:.4g} | share of each text's nearest neighbours" in text
    assert f"| mean cosine | {report.before.mean_cosine:.4g} | {report.after.mean_cosine:.4g} |" in text
    assert "The transfer was fitted on 96 captions." in text
    assert f"A caption keeps {omega:.0%} of its nearest neighbours through it." in text
    assert "No image was looked at." in text
    assert words.NO_IMAGES in text
    assert "frechet" not in text
    assert "- Transfer to image space: `mean_shift`, renormalise true, version" in text
    assert len(report.before.spectrum) == 8


def test_of_a_fit_with_images_it_tells_how_near_the_texts_came(facts: Manifest) -> None:
    transfer = facts.made_by.transfer | {
        "method": "matched",
        "rounds": 4,
        "kept": 0.6,
        "explained": 0.9,
        "fitted_on": {"captions": 12_000, "images": 11_000},
        "gap": gap(images=True),
    }
    made_by = facts.made_by.model_copy(update={"transfer": transfer})
    text = card.render(facts.model_copy(update={"made_by": made_by}), {})
    assert "`matched`, rounds 4, kept 0.6, version" in text
    assert "the transfer was fitted to the embeddings of 30 images, which nobody paired" in text
    assert "The transfer was fitted on 12,000 captions and 11,000 images." in text
    assert re.search(r"The Frechet distance to the images is [\d.]+ before and [\d.]+ after it", text)
    for name in ("frechet", "mixing rate", "cosine divergence", "centroid distance"):
        assert re.search(rf"\| {name} \| \S.* \| \S.* \| ", text)
    assert words.NO_IMAGES not in text
    measured = transfer | {"method": "mean_shift", "renormalise": True}
    assert "the transfer was measured against the embeddings of 30 images" in transfer_card.looked_at(measured)
    none = {"method": "none", "fitted_on": {"captions": 0}, "gap": gap()}
    assert transfer_card.told(none).startswith("Nothing was fitted. A caption keeps")


def test_it_says_how_to_make_real_images_ready(made: tuple[SmallLake, Path], text: str) -> None:
    assert "`unicorn transfer --fit transfer.safetensors --images I.arrow --out O.arrow`" in text
    assert (made[1] / images.FILE).is_file()


def test_licences_cannot_break_the_table(text: str) -> None:
    row = next(line for line in text.splitlines() if line.startswith("| labels"))
    assert "my own \\| terms" in row
    assert len(re.split(r"(?<!\\)\|", row)) == 7


@pytest.mark.parametrize(
    ("licence", "hub"),
    [("Apache-2.0", "apache-2.0"), ("CC0-1.0", "cc0-1.0"), ("unknown", "unknown"), ("Flickr terms", "other")],
)
def test_licences_are_given_as_the_hub_knows_them(facts: Manifest, licence: str, hub: str) -> None:
    one = Licence(source="s", licence=licence, origin="", pretrain=1, instruction=0)
    assert front_matter(card.render(facts.model_copy(update={"licences": [one]}), {}))["license"] == [hub]


def test_it_shows_a_row_of_each_table(made: tuple[SmallLake, Path], text: str) -> None:
    small = made[0]
    for samples in (small.released, small.asked):
        assert f'"id": "{small.of("shard-0000", samples)[0]}"' in text
    assert text.count('"…"') == 2
    # A caption holds ``` on purpose; it must not end the block that it is shown in.
    assert text.count("\n```json\n") == 2
    assert text.rstrip().endswith("}\n```")


def test_the_card_shows_what_the_transfer_did(made: tuple[SmallLake, Path]) -> None:
    text = (made[1] / "README.md").read_text()
    assert "](transfer.png)" in text
    assert (made[1] / "transfer.png").read_bytes().startswith(b"\x89PNG")

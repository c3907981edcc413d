"""`unicorn init`: what stands in the new recipe changes nothing, whether its keys are commented out or not."""

import re
import tomllib
from pathlib import Path

from unicorn_assets import recipe as recipes
from unicorn_assets.cli.init import commented
from unicorn_assets.section import flatten


def test_every_key_that_is_commented_out_is_at_its_default(tmp_path):
    text = commented("mine", [tmp_path / "seeds.txt"])
    plain = recipes.parse(text, where="plain", base=tmp_path)
    # Comments that are keys or sections become these; keys without a value stay comments, and so does their section.
    written = re.sub(r"(?m)^# (?=\w+ = (?!…)|\[(?!alignment\.images))", "", text.split("# [alignment.images]")[0])
    rest = text.split("# [alignment.images]")[1].partition("\n\n")[2]
    rest = re.sub(r"(?s)# (\[\[|\[probing\.engine\]).*?(\n\n|$)", "", rest)
    full = recipes.parse(written + re.sub(r"(?m)^# (?=\w+ = (?!…)|\[)", "", rest), where="full", base=tmp_path)
    assert full == plain
    keys = flatten(tomllib.loads(written))
    assert {"dialogs.sampling.max_tokens", "alignment.rounds", "alignment.method"} <= set(keys)
    assert keys["dialogs.sampling.max_tokens"] == 1536


def test_benchmarks_are_shown_and_left_out():
    text = commented("mine", [Path("/seeds.txt")])
    shown = text.split("# [[decontamination.benchmarks]]")[1].split("[mix]")[0]
    given = re.sub(r"(?m)^# (?=(name|path|format|columns) = )", "", shown).replace("…", '"mine.csv"')
    given = "[[decontamination.benchmarks]]" + given
    recipe = recipes.parse(text + "\n" + given, where="mine", base=Path("/folder"))
    (benchmark,) = recipe.decontamination.benchmarks
    assert (benchmark.path, benchmark.format, benchmark.columns) == ("/folder/mine.csv", "auto", ())
    assert recipes.parse(text, where="mine", base=Path("/")).decontamination.benchmarks == ()


def test_images_are_shown_and_left_out():
    text = commented("mine", [Path("/seeds.txt")])
    shown = text.split("# [alignment.images]")[1].split("[decontamination]")[0]
    assert [line for line in shown.splitlines() if "=" in line and "# " in line[:2]] == [
        "# path = …", "# model = …", '# revision = ""', "# draw = …"
    ]  # fmt: skip
    assert recipes.parse(text, where="mine", base=Path("/")).alignment.images is None

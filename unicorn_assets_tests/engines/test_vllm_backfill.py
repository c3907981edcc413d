"""A backfill of eight shards through the lanes on a real vLLM: one server for all of them, started once."""

import os
import re

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets import settings
from unicorn_assets.engines.vllm.group import Group
from unicorn_assets.engines.vllm.processes import marked
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets_tests.engines import test_vllm_real as real
from unicorn_assets_tests.engines.tiny_model import make_model
from unicorn_assets_tests.engines.vllm_servers import until
from unicorn_assets_tests.serving import served

pytestmark = real.pytestmark


@pytest.mark.timeout(900)
def test_a_backfill_of_eight_shards_starts_the_server_once(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    make_model(tmp_path / "tiny")
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("".join(f"A dog with {number} spots beside a boat.\n" for number in range(40)))
    plain = recipes.adjusted(
        recipes.load("demo"), seeds=[seeds], shards=8, engine="vllm", model=str(tmp_path / "tiny")
    ).model_dump()
    plain["expansion"]["max_tokens"] = 24
    home = Home(tmp_path / "home")
    home.prepare()
    home.adopt(recipes.Recipe.model_validate(plain))
    extra = ("--enforce-eager", "--max-num-seqs", "16")
    # The prompt has about a thousand tokens of a vocabulary as small as this model's.
    vllm = {"python": real.PYTHON, "memory_share": 0.1, "max_model_len": 4096, "idle_seconds": 60.0}
    settings.update(home.path, "vllm", extra_arguments=extra, start_seconds=300.0, **vllm)
    group = Group(home.path, 0)
    try:
        with served(home) as deployment:
            assert deployment.wait_run(deployment.materialize(["seed_sources"])) == "SUCCESS"
            backfill = deployment.backfill(["caption_seeds", "expanded_captions"], shard_names(8))
            assert deployment.wait_backfill(backfill, 600) == "COMPLETED_SUCCESS", deployment.tail()
            log = group.supervisor_log.read_text()
            assert len(re.findall(r"start \d+, process", log)) == 1, log
            assert group.state().generation == 1
    finally:
        supervisor = group.state().supervisor
        if supervisor is not None and supervisor.lives:
            os.kill(supervisor.number, 15)
        until(lambda: not marked(group.mark), 60)
    made = [home.lake.need("expanded_captions", shard) for shard in shard_names(8)]
    assert sum(one.rows_in for one in made) == 40
    assert sum(one.metrics["requests"] for one in made) == 40
    assert all(one.metrics["completion_tokens"] > 0 for one in made if one.rows_in)

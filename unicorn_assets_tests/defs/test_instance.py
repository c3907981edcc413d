import dagster as dg
import pytest
import yaml

from unicorn_assets import settings
from unicorn_assets.defs import instance
from unicorn_assets.execution import postgres
from unicorn_assets.recipe import CHECKOUT


@pytest.mark.parametrize("name", instance.REPOSITORY_CONFIGS)
def test_the_instance_files_of_the_repository_say_what_the_commands_write(name):
    settings = yaml.safe_load((CHECKOUT / name).read_text())
    assert settings == instance.REPOSITORY_CONFIGS[name]
    assert instance.CONFIG.items() <= settings.items()


def test_what_stands_in_home_is_written_anew_at_each_start_and_holds_no_path(home):
    (home.dagster).mkdir(parents=True)
    (home.dagster / "dagster.yaml").write_text("telemetry:\n  enabled: true\n")
    folder = instance.prepare(home)
    assert yaml.safe_load((folder / "dagster.yaml").read_text()) == instance.CONFIG
    assert str(home.path) not in (folder / "dagster.yaml").read_text()
    assert yaml.safe_load((CHECKOUT / "workspace.yaml").read_text()) == instance.WORKSPACE


def test_as_many_runs_go_on_as_the_devices_can_use(home):
    home.prepare()
    settings.update(home.path, "lanes", devices=[str(number) for number in range(8)])
    written = yaml.safe_load((instance.prepare(home) / "dagster.yaml").read_text())
    limits = [{"key": "dagster/partition", "limit": 16}]
    runs = {"max_concurrent_runs": 18, "tag_concurrency_limits": limits}
    assert written["concurrency"] == {"runs": runs, "pools": {"granularity": "op"}}


def test_a_look_does_not_wait_for_shards(home):
    with dg.DagsterInstance.from_config(str(instance.prepare(home)), instance.COMMAND_FILE) as opened:
        queue = opened.get_concurrency_config().run_queue_config
    [limit] = queue.tag_concurrency_limits
    assert (limit["key"], limit["limit"]) == ("dagster/partition", instance.LEAST_RUNS)
    assert queue.max_concurrent_runs - limit["limit"] == instance.LOOKS > 0


def test_the_root_file_keeps_everything_where_the_commands_do(home, tmp_path, monkeypatch):
    monkeypatch.setenv("UNICORN_HOME", str(home.path))
    monkeypatch.chdir(tmp_path)
    with dg.DagsterInstance.from_config(str(CHECKOUT)) as opened:
        assert opened.get_runs() == []
        assert opened.storage_directory() == str(home.dagster / "storage")
    made = {path.relative_to(home.dagster) for path in home.dagster.rglob("*.db")}
    instance.prepare(home)
    assert {path.relative_to(home.dagster) for path in home.dagster.rglob("*.db")} == made
    assert list(tmp_path.iterdir()) == [home.path]


def test_the_root_file_is_refused_where_the_environment_asks_for_postgres(home, monkeypatch):
    monkeypatch.setenv("UNICORN_HOME", str(home.path))
    monkeypatch.setenv(postgres.VARIABLE, "postgresql://unicorn@127.0.0.1/dagster")
    with pytest.raises(Exception, match="deploy/postgres"):
        dg.DagsterInstance.from_config(str(CHECKOUT))

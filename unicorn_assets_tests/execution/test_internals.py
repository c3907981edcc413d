"""The contract with dagster's internals: fails on any that a new dagster has moved or changed."""

import ast
import importlib
import inspect
from pathlib import Path

import dagster as dg
import pytest

import unicorn_assets
from unicorn_assets.execution import internals

PACKAGE = Path(unicorn_assets.__file__).parent


def parameters(callable_):
    return list(inspect.signature(callable_).parameters)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_one_module_alone_imports_what_is_not_public():
    private = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for module in imported(path)
        if module.startswith("dagster._")
    }
    assert private == {"execution/internals.py"}


def test_pinned_to_the_minor_version_that_was_tried():
    assert dg.__version__.startswith("1.13.")


@pytest.mark.parametrize("name", internals.__all__)
def test_everything_named_is_there(name):
    assert getattr(internals, name) is not None


@pytest.mark.parametrize(
    ("callable_", "wanted"),
    [
        (internals.execute_step_body, ["args", "instance", "dagster_run"]),
        (internals.StepHandler.launch_step, ["self", "step_handler_context"]),
        (internals.StepHandler.check_step_health, ["self", "step_handler_context"]),
        (internals.StepHandler.terminate_step, ["self", "step_handler_context"]),
        (internals.StepDelegatingExecutor.execute, ["self", "plan_context", "execution_plan"]),
        (internals.DefaultRunLauncher.terminate, ["self", "run_id"]),
        (internals.DefaultRunLauncher.check_run_worker_health, ["self", "run"]),
        (internals.DagsterEvent.step_worker_starting, ["step_context", "message", "metadata"]),
        (dg.DagsterInstance.from_ref, ["instance_ref"]),
        (dg.DagsterInstance.report_run_failed, ["self", "dagster_run", "message", "job_failure_data"]),
    ],
)
def test_signatures_are_those_that_we_call_and_override(callable_, wanted):
    assert parameters(callable_)[: len(wanted)] == wanted


def test_the_executor_takes_what_we_give_it():
    wanted = {"step_handler", "retries", "sleep_seconds", "check_step_health_interval_seconds", "should_verify_step"}
    assert wanted <= set(parameters(internals.StepDelegatingExecutor.__init__))


def test_steps_carry_what_a_worker_needs():
    fields = internals.ExecuteStepArgs.__annotations__
    assert {"job_origin", "run_id", "step_keys_to_execute", "instance_ref", "known_state"} <= set(fields)
    context = internals.StepHandlerContext
    assert all(hasattr(context, name) for name in ("step_tags", "execute_step_args", "instance", "get_step_context"))


def test_storages_free_and_limit_places_in_pools():
    storage = internals.SqliteEventLogStorage
    assert parameters(storage.free_concurrency_slot_for_step) == ["self", "run_id", "step_key"]
    assert parameters(storage.free_concurrency_slots_for_run) == ["self", "run_id"]
    assert parameters(storage.set_concurrency_slots) == ["self", "concurrency_key", "num"]
    assert parameters(storage.get_pool_limits) == ["self"]


def test_what_is_left_of_a_deleted_run_stands_where_we_remove_it():
    checks, events = internals.AssetCheckExecutionsTable.c, internals.SqlEventLogStorageTable.c
    assert {"id", "asset_key", "check_name", "partition", "run_id"} <= set(checks.keys())
    assert {"id", "asset_key", "partition", "run_id", "dagster_event_type"} <= set(events.keys())
    assert parameters(internals.SqliteEventLogStorage.path_for_shard) == ["self", "run_id"]
    assert issubclass(internals.SqliteEventLogStorage, internals.SqlEventLogStorage)


def test_the_class_named_in_the_instance_file_is_there():
    named = internals.NOOP_COMPUTE_LOGS
    assert hasattr(importlib.import_module(named["module"]), named["class"])


def test_dagsters_own_launcher_still_cannot_tell_a_dead_run():
    """Where it learns to, ours has nothing left to add."""
    assert internals.DefaultRunLauncher().supports_check_run_worker_health is False

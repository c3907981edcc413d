"""Schedules that keep everything fresh: the sources, the shards, and the release, each as a row of its own in the UI.

A look requests exactly what `stages.due` finds missing, stale or failed with tries left. On by default with the `rules`
engine alone: opening the web UI must not spend money.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from unicorn_assets import attempts, settings
from unicorn_assets.alerts import outbox
from unicorn_assets.alerts.alert import Alert
from unicorn_assets.attempts import Attempts
from unicorn_assets.defs import staleness
from unicorn_assets.execution import requested, tags
from unicorn_assets.execution.internals import UnresolvedAssetJobDefinition
from unicorn_assets.home import Home
from unicorn_assets.lake.locks import held
from unicorn_assets.recipe import Recipe
from unicorn_assets.settings import Schedule
from unicorn_assets.stages import freshness
from unicorn_assets.stages.budget import used_up
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.due import Backlog, Due, backlog
from unicorn_assets.stages.graph import above_the_shards, below_the_shards, with_shards
from unicorn_assets.stages.tools import Tools

WHY, WANTED = "unicorn/why", "unicorn/wanted"
"""Tags of a requested run: why it was requested, and what is to come out."""

REMEMBERED = timedelta(days=2)
"""How far back failed runs are looked for; those seen before are on record."""
LONGEST_TAG = 200

# The names of the jobs are in lower case: the UI takes the first job in the order of ASCII for its Materialize button,
# and that has to stay Dagster's own.
JOBS = ("sources", "shards", "release")


def assets_of(job: str, recipe: Recipe) -> list[str]:
    """The assets that a job makes."""
    below = list(below_the_shards(recipe))
    return {"sources": above_the_shards(recipe), "shards": with_shards(recipe), "release": below}[job]


def jobs(recipe: Recipe) -> list[UnresolvedAssetJobDefinition]:
    """One job for each schedule; all run on the location's executor."""
    return [
        dg.define_asset_job(
            f"make_{name}",
            selection=dg.AssetSelection.assets(*assets_of(name, recipe)),
            description=f"Requested by the schedule `fresh_{name}`.",
        )
        for name in JOBS
    ]


def schedules(tools: Tools) -> list[dg.ScheduleDefinition]:
    """The schedules of a home; recipe and settings are read anew at each look, but for time and default."""
    return [
        _schedule(tools, "sources", "Reads the seeds and fits the transfer where they are missing or stale."),
        _schedule(tools, "shards", "Requests the shards that are missing, stale, or failed with tries left."),
        _schedule(
            tools,
            "release",
            "Selects and releases once every shard is fresh and the latest release does not hold them.",
        ),
    ]


def _schedule(tools: Tools, name: str, description: str) -> dg.ScheduleDefinition:
    home, chosen = tools.home, settings.load(tools.home.path).schedule
    on = chosen.on if chosen.on is not None else tools.recipe.is_free

    @dg.schedule(
        name=f"fresh_{name}",
        cron_schedule=chosen.cron,
        job_name=f"make_{name}",
        description=description,
        default_status=dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED,
    )
    def look(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        yield from Look(home, context.instance).at(name, context.scheduled_execution_time.isoformat())

    return look


class Look:
    """One look at a home: what is due, what is being made already, and what has failed too often.

    Args:
        home: the home.
        instance: where runs and backfills are found.
        tools_at: gives the tools with the recipe that the home holds now.
    """

    def __init__(self, home: Home, instance: dg.DagsterInstance, tools_at: Callable[[Home], Tools] = Tools.at) -> None:
        self._home, self._instance, self._tools_at = home, instance, tools_at
        self._chosen: Schedule = settings.load(home.path).schedule
        self._given_up: list[Alert] = []

    def at(self, job: str, when: str) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """What a schedule yields.

        Args:
            job: `sources`, `shards` or `release`.
            when: the time that the look was to be at; the same look repeated asks for the same runs.

        Raises:
            UnicornError: recipe, settings or HOME cannot be used.
        """
        if held(self._home.path / "locks" / "run"):
            yield dg.SkipReason("`unicorn run` is at work on this HOME.")
            return
        tools = self._tools_at(self._home)
        states = list(freshness.states(tools, upstream(tools.recipe)))
        found = backlog(tools, states)
        with attempts.opened(self._home.state) as tried:
            self._note_failures(tried, job)
            stopped = used_up(tools) if job != "release" and (found.sources or found.shards) else ""
            if stopped:
                yield dg.SkipReason(f"{stopped} Nothing is requested until it is raised.")
                return
            if job == "shards":
                staleness.report(self._instance, self._home, states)
                yield from self._shards(tried, found, when)
            else:
                yield from self._single(tried, job, found, when, assets_of(job, tools.recipe))

    def _note_failures(self, tried: Attempts, job: str) -> None:
        since = datetime.now(UTC) - REMEMBERED
        tried.clear(since.timestamp())
        chosen = dg.RunsFilter(job_name=f"make_{job}", statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
        for record in self._instance.get_run_records(chosen):
            run = record.dagster_run
            if WANTED in run.tags and run.tags.get(tags.WILL_RETRY) != "true" and tags.BUDGET not in run.tags:
                partition = run.tags.get(requested.PARTITION, job)
                tried.failed(run.run_id, partition, run.tags[WANTED], record.update_timestamp.timestamp())

    def _shards(self, tried: Attempts, found: Backlog, when: str) -> Iterator[dg.RunRequest | dg.SkipReason]:
        for partition in tried.partitions() - {due.shard for due in found.shards} - set(JOBS):
            tried.forget(partition)  # it has been made
        if found.sources is not None:
            yield dg.SkipReason(f"{len(found.shards):,} shards wait for {found.sources.why}.")
            return
        busy = requested.shards(self._instance)
        free = [due for due in found.shards if due.shard not in busy]
        able = [due for due in free if self._has_tries(tried, due, due.shard)]
        self._tell_given_up()
        asked = self._oldest(tried, able)
        for due in asked:
            yield _request(due, when, due.shard)
        if not asked:
            yield dg.SkipReason(_in_words(len(found.shards), len(found.shards) - len(free), len(free) - len(able)))

    def _oldest(self, tried: Attempts, able: Sequence[Due]) -> list[Due]:
        """Those that were made or tried longest ago, up to the cap."""
        ordered = sorted(able, key=lambda due: (tried.last(due.shard, due.wanted)[0], due.since, due.shard))
        return ordered[: self._chosen.shards_per_tick]

    def _single(
        self, tried: Attempts, job: str, found: Backlog, when: str, assets: list[str]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        due = found.sources if job == "sources" else found.release
        if due is None:
            waits = job == "release" and (found.sources is not None or found.shards)
            if not waits and job in tried.partitions():
                tried.forget(job)  # it has been made
            yield dg.SkipReason(f"{len(found.shards):,} shards are not fresh yet." if waits else "All is fresh.")
        elif requested.whole(self._instance, set(assets)):
            yield dg.SkipReason("It is being made.")
        elif not self._has_tries(tried, due, job):
            self._tell_given_up()
            yield dg.SkipReason(f"It has failed {self._chosen.tries} times: {due.why}.")
        else:
            yield _request(due, when, None)

    def _has_tries(self, tried: Attempts, due: Due, partition: str) -> bool:
        """Whether it may be tried once more; where it may not, people are to hear of it: once for each last try."""
        if tried.count(partition, due.wanted) < self._chosen.tries:
            return True
        _, run_id = tried.last(partition, due.wanted)
        gave_up = Alert(
            id=f"gave_up:{partition}:{due.wanted}:{run_id}",
            kind="gave_up",
            severity="ERROR",
            asset=due.stage,
            shard=due.shard,
            what=f"Making it has failed {self._chosen.tries} times; it is left alone until its cause is mended and it "
            f"is materialized by hand, or the recipe changes. {due.why}",
            when=time.time(),
            figures={"failed": tried.count(partition, due.wanted), "tries": self._chosen.tries},
            run_id=run_id,
        )
        self._given_up.append(gave_up)
        return False

    def _tell_given_up(self) -> None:
        if self._given_up:
            outbox.record(self._home.state, *self._given_up)


def _request(due: Due, when: str, shard: str | None) -> dg.RunRequest:
    why = due.why if len(due.why) <= LONGEST_TAG else due.why[: LONGEST_TAG - 2] + " …"
    return dg.RunRequest(run_key=f"{shard or 'all'}:{when}", partition_key=shard, tags={WHY: why, WANTED: due.wanted})


def _in_words(due: int, busy: int, given_up: int) -> str:
    if not due:
        return "All shards are fresh."
    parts = [f"{busy:,} are being made" if busy else "", f"{given_up:,} have failed too often" if given_up else ""]
    return f"{due:,} shards are not fresh: {', '.join(part for part in parts if part)}."

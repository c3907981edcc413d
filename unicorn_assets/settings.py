"""Settings of a deployment: where engines run, what things cost, who hears of trouble. Never in a fingerprint.

They stand in HOME/settings.toml. Secrets do not: a key comes from an environment variable, named here.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from unicorn_assets.errors import RecipeError
from unicorn_assets.lake.files import write_whole
from unicorn_assets.lake.sidecar import Severity
from unicorn_assets.section import Section, explain

FILE = "settings.toml"


class Endpoint(Section):
    """How an OpenAI-compatible server is talked to."""

    base_url: str = Field(default="http://127.0.0.1:8000/v1", description="Address up to and with /v1.")
    api_key_env: str = Field(default="UNICORN_API_KEY", description="Environment variable that holds the key, if any.")
    max_in_flight: int = Field(default=256, ge=1, description="Most requests in flight; found by adapting below it.")
    timeout_seconds: float = Field(default=600.0, gt=0, description="Longest wait for one answer.")
    attempts: int = Field(default=6, ge=1, description="Tries of one request that fails in a way that may pass.")
    patience_seconds: float = Field(
        default=900.0, ge=0, description="How long a server may be down before the step gives up, to be retried later."
    )


class Vllm(Section):
    """How vLLM servers are started and kept."""

    python: str = Field(default="", description="Python that has vllm installed; this one's own if empty.")
    devices: tuple[str, ...] = Field(
        default=("",),
        strict=False,
        description="One group a server, as CUDA_VISIBLE_DEVICES takes it; empty: all, or the CPU.",
    )
    dtype: str = "auto"
    tensor_parallel_size: int = Field(default=1, ge=1)
    max_model_len: int | None = Field(default=None, ge=1, description="Longest prompt and answer together, in tokens.")
    memory_share: float = Field(default=0.8, gt=0, lt=1, description="Share of the device; the rest is the encoder's.")
    extra_arguments: tuple[str, ...] = Field(default=(), strict=False, description="Passed to the server as they are.")
    start_seconds: float = Field(default=1800.0, gt=0, description="Longest time until the server is healthy.")
    idle_seconds: float = Field(default=300.0, ge=0, description="It is stopped when nobody has used it for so long.")
    poison_after: int = Field(default=3, ge=1, description="A row in flight at so many server deaths is set aside.")


class Lanes(Section):
    """Where the steps of runs that the web UI, a backfill or a schedule starts are at work."""

    devices: tuple[str, ...] = Field(
        default=("",),
        strict=False,
        min_length=1,
        description="One gpu worker each, as CUDA_VISIBLE_DEVICES takes it; empty: whatever is there, or the CPU.",
    )
    workers_per_device: int = Field(
        default=1, ge=1, description="More than one where steps wait for a server elsewhere most of the time."
    )
    cpu_workers: int = Field(default=2, ge=1, description="Workers of the cpu lane.")
    idle_seconds: float = Field(default=180.0, ge=0, description="A worker ends when nobody has needed it so long.")
    memory_mib: int | None = Field(
        default=None, ge=256, description="Most memory of one worker; if not given, three quarters of the machine's."
    )


class Schedule(Section):
    """When shards that are missing, stale or failed are made by themselves."""

    cron: str = Field(default="*/2 * * * *", description="When it looks, in cron's words, by UTC.")
    shards_per_tick: int = Field(default=8, ge=1, description="Most shards that it requests at once.")
    tries: int = Field(default=3, ge=1, description="A shard that has failed so often is left alone, and reported.")
    on: bool | None = Field(
        default=None, description="Whether it starts switched on; if not given, with the `rules` engine alone."
    )


class Prices(Section):
    """What things cost, in one currency; 0 where they cost nothing or it is not known."""

    currency: str = "USD"
    prompt_million: float = Field(default=0.0, ge=0, description="A million tokens read.")
    completion_million: float = Field(default=0.0, ge=0, description="A million tokens written.")
    device_hour: float = Field(default=0.0, ge=0, description="An hour of one device of the gpu lane.")


class Budget(Section):
    """What may be spent in all over the life of this HOME; what is not given has no limit."""

    tokens: int | None = Field(default=None, ge=0, description="Tokens read and written, together.")
    money: float | None = Field(default=None, ge=0, description="Money, in the currency of the prices.")
    hours: float | None = Field(
        default=None, ge=0, description="Hours that steps spend asking, times the devices of a server of ours."
    )


class Route(Section):
    """A way that alerts go. What opens its endpoint stands in environment variables, named here."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Short name; alerts wait under it.")
    kind: Literal["webhook", "slack", "email", "log"]
    severities: tuple[Severity, ...] = Field(default=("ERROR", "WARN"), strict=False, min_length=1)
    assets: tuple[str, ...] = Field(
        default=("*",), strict=False, min_length=1, description="Names of assets, with * and ? as in file names."
    )
    address_env: str = Field(default="", description="Variable with the address of a webhook.")
    token_env: str = Field(default="", description="Variable with a token, sent as `Authorization: Bearer`, if any.")
    host: str = Field(default="", description="Mail server.")
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = Field(default="", description="Address that e-mail comes from.")
    to: tuple[str, ...] = Field(default=(), strict=False, description="Addresses that e-mail goes to.")
    user_env: str = Field(default="", description="Variable with the user at the mail server, if it wants one.")
    password_env: str = Field(default="", description="Variable with that user's password.")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.kind in ("webhook", "slack") and not self.address_env:
            raise ValueError("address_env is missing: the variable that holds the webhook's address")
        if self.kind == "email":
            missing = [name for name in ("host", "sender", "to") if not getattr(self, name)]
            if missing:
                raise ValueError(f"an email route needs {' and '.join(missing)}")
            if bool(self.user_env) != bool(self.password_env):
                raise ValueError("user_env and password_env go together")
            for address in (self.sender, *self.to):
                if not address.isprintable() or "@" not in address:
                    raise ValueError(f"{address!r} is no e-mail address")
        return self


class Alerts(Section):
    """Who hears of failed checks and runs, and how stubbornly they are told."""

    routes: tuple[Route, ...] = Field(default=(Route(name="log", kind="log"),), strict=False)
    web_url: str = Field(default="http://127.0.0.1:3000", description="Where people reach the web UI, for links.")
    interval_seconds: int = Field(default=30, ge=1, description="Time between two looks; read when code is loaded.")
    timeout_seconds: float = Field(default=10.0, gt=0, le=15, description="Longest time for one delivery.")
    max_attempts: int = Field(default=30, ge=1, description="Deliveries refused so often are set aside and shown.")
    first_wait_seconds: float = Field(
        default=30.0, gt=0, le=1800, description="Wait after a refused delivery; doubles up to half an hour."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [route.name for route in self.routes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two routes are called {twice[0]!r}; give each its own name")
        return self


class Settings(Section):
    """Everything that changes no row."""

    endpoint: Endpoint = Endpoint()
    probing_endpoint: Endpoint | None = Field(
        default=None, description="The server of the recipe's probing.engine, where it is another than the endpoint."
    )
    vllm: Vllm = Vllm()
    lanes: Lanes = Lanes()
    schedule: Schedule = Schedule()
    prices: Prices = Prices()
    budget: Budget = Budget()
    alerts: Alerts = Alerts()

    @property
    def key_variables(self) -> frozenset[str]:
        """Names of the environment variables that hold the endpoints' keys."""
        return frozenset(one.api_key_env for one in (self.endpoint, self.probing_endpoint) if one is not None)

    @model_validator(mode="after")
    def _money_can_be_counted(self) -> Self:
        priced = {"prompt_million", "completion_million", "device_hour"} & self.prices.model_fields_set
        if self.budget.money is not None and not priced:
            raise ValueError("budget.money is set and no price is, so nothing would count; set one under [prices]")
        return self


def load(home: Path) -> Settings:
    """The settings in HOME, or the defaults where it has none.

    Raises:
        RecipeError: the file is not valid; names every wrong key.
    """
    path = home / FILE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return Settings.model_validate(table)
    except FileNotFoundError:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}.", "correct the line that it names.") from None
    except ValidationError as error:
        raise RecipeError(f"{path} is not valid.\n{explain(error)}", "correct the keys above.") from None


def update(home: Path, section: str, **values: Any) -> Settings:
    """Sets keys of one section in HOME/settings.toml and returns the whole. Comments in the file are not kept.

    Raises:
        RecipeError: the result is not valid.
    """
    table = load(home).model_dump(exclude_none=True, exclude_unset=True)
    table[section] = table.get(section, {}) | values
    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        raise RecipeError(f"The settings are not valid.\n{explain(error)}", "correct the keys above.") from None
    write_whole(home / FILE, tomli_w.dumps(settings.model_dump(exclude_none=True, exclude_unset=True)))
    return settings

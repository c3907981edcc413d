"""The command `unicorn`. The options of its commands stand in four modules, what they do in the module of each."""

import os
import sys

import click

from unicorn_assets.cli import keeping, looking, making, stage_three
from unicorn_assets.cli.errors import Group

COMMANDS = (
    *(making.run, making.preview, making.forecast, making.init),
    *(looking.status, looking.costs, looking.alerts, looking.trace, looking.sql, looking.verify),
    *(keeping.dev, keeping.withdraw, keeping.reshard, keeping.prune, keeping.gc),
    *(stage_three.transfer, stage_three.proof),
)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="unicorn-assets")
def main() -> None:
    """Training data for vision-language models, made from text alone."""


for command in COMMANDS:
    main.add_command(command)


def entry() -> None:
    """The `unicorn` command."""
    code = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed by now. An ordinary exit would let DuckDB's bindings print a page of warnings about
    # objects that torch keeps alive.
    os._exit(code)

"""How a command ends that cannot go on: one plain error, and status 1."""

import os

import click

from unicorn_assets.errors import UnicornError

TRACEBACK = "UNICORN_TRACEBACK"


class Group(click.Group):
    """Shows an error that a person can mend without a traceback, and ends with status 1."""

    def invoke(self, context: click.Context) -> object:
        """Runs the command, and tells what kept it from its end."""
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except UnicornError as error:
            click.echo(f"Error: {error}", err=True)
            context.exit(1)
        except Exception as error:
            if os.environ.get(TRACEBACK):
                raise
            first = (str(error).splitlines() or [""])[0]
            unexpected = UnicornError(
                f"Unexpected {type(error).__name__}: {first}",
                f"free space and permissions on the disk are the usual causes; for the traceback, set {TRACEBACK}=1 "
                "and run again. What is finished is kept.",
            )
            click.echo(f"Error: {unexpected}", err=True)
            context.exit(1)

"""Ending with one sentence on stderr."""

from typing import IO, Any

import click


class Failure(click.ClickException):
    """What went wrong, and what to do about it, in a sentence; exit code 1, no trace."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(click.style("lambdad: ", fg="red", bold=True) + self.message, err=True)

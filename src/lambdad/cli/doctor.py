"""`lambdad doctor`: what this host offers."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from lambdad.sandbox.egress import Egress
    from lambdad.sandbox.host import Host


@click.command()
def doctor() -> None:
    """Say what this host offers: isolation, network, limits, runtimes, companions.

    What is missing is marked, with how to get it. The exit code is 1 when functions can't be isolated at all, else 0.

    \b
    Example:
      lambdad doctor
    """
    from rich.console import Console

    from lambdad.sandbox.host import inspect

    home = os.environ.get("HOME")
    host = inspect(Path(home) if home else None, os.environ.get("PATH", os.defpath), network=True)
    console = Console(highlight=False, soft_wrap=True)
    show(console, host)
    show_companions(console, moto())
    sys.exit(0 if host.level != "process" else 1)


def moto() -> str | None:
    """Its version, where companions can be started."""
    from importlib.metadata import version

    from lambdad.services.companions.backends import folder

    return None if folder() is None else version("moto")


def show_companions(console: "Console", version: str | None) -> None:
    from rich.text import Text

    console.print()
    console.print(Text("companions:" if version else "companions: none", "bold"))
    if version:
        console.print(Text("  ✓ ", "green") + Text(f"moto {version}, for services of AWS that lambdad does not have itself"))
    else:
        console.print(Text("  ! ", "yellow") + Text("pip install 'lambdad[companions]' adds DynamoDB, S3 and many others"))


def show(console: "Console", host: "Host") -> None:
    from rich.text import Text

    strongest = (
        "isolation: none (process); `lambdad up` needs --isolation process"
        if host.level == "process"
        else f"isolation: {host.level}, as {'root' if host.root else 'an ordinary user'}, on {host.architecture}"
    )
    console.print(Text(strongest, "bold red" if host.level == "process" else "bold green"))
    if host.level != "process":
        reach = (
            "aws; the reach `egress` lacks something, see below"
            if host.egress is None
            else "egress, with " + _versions(host.egress)
        )
        console.print(Text(f"network: {reach}", "bold yellow" if host.egress is None else "bold green"))
    console.print()
    width = max((len(requirement.name) for requirement in host.requirements), default=0)
    for requirement in host.requirements:
        mark = Text("  ✓ ", "green") if requirement.met else Text("  ✗ ", "red")
        console.print(mark + Text(f"{requirement.name:<{width}}  {requirement.found}"))
        if not requirement.met and requirement.remedy:
            console.print(Text(f"    {'':<{width}}  needed for {requirement.needed_for}: {requirement.remedy}", "yellow"))
    console.print()
    console.print(Text("runtimes:" if host.interpreters else "runtimes: none", "bold"))
    width = max((len(interpreter.identifier) for interpreter in host.interpreters), default=0)
    for interpreter in host.interpreters:
        where = interpreter.executable or "anything that speaks the Runtime API"
        version = f"{interpreter.version}  " if interpreter.version else ""
        console.print(Text("  ✓ ", "green") + Text(f"{interpreter.identifier:<{width}}  {version}{where}"))
    for remark in host.remarks:
        console.print(Text("  ! ", "yellow") + Text(remark))


def _versions(egress: "Egress") -> str:
    return "IPv4 and IPv6" if egress.ipv6 else "IPv4, without IPv6"

"""Which services moto has, without importing it: a package of its own, named as botocore names the service, without dashes."""

import importlib.util
from pathlib import Path
from typing import Final

OWN: Final = frozenset({"lambda", "logs", "sqs", "iam", "sts"})
"""lambdad's own services, which are never anybody else's."""


def folder() -> Path | None:
    """Where moto is, with all that its server needs; None where the extra is not installed."""
    if importlib.util.find_spec("flask") is None or importlib.util.find_spec("flask_cors") is None:
        return None
    found = importlib.util.find_spec("moto")
    places = None if found is None else found.submodule_search_locations
    return Path(places[0]) if places else None


class Backends:
    """`folder`: where moto is; None: it has nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._found: dict[str, str | None] = {}

    def find(self, service: str) -> str | None:
        """moto's name of a service of botocore; None where it does not have that."""
        if service not in self._found:
            self._found[service] = self._look(service)
        return self._found[service]

    def _look(self, service: str) -> str | None:
        name = service.replace("-", "")
        there = self._folder is not None and service not in OWN and (self._folder / name / "urls.py").is_file()
        return name if there else None

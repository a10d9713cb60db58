"""What the figures were measured on, and of what."""

import datetime
import os
import platform
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from lambdad.sandbox import host


def facts() -> dict[str, Any]:
    found = host.inspect(Path.home(), os.environ.get("PATH", os.defpath))
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "lambdad": revision(),
        "cores": len(os.sched_getaffinity(0)),
        "memory MB": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
        "kernel": platform.release(),
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
        "isolation": found.level,
        "control groups": found.cgroups.version or "none",
        "Python": platform.python_version(),
        "Python is optimised": optimised(),
        "interpreters": {each.identifier: each.version for each in found.interpreters if each.version},
    }


def optimised() -> bool:
    """Was this interpreter built with profile-guided optimisation (`configure --enable-optimizations`)?"""
    configured = f"{sysconfig.get_config_var('CONFIG_ARGS')} {sysconfig.get_config_var('PY_CORE_CFLAGS')}"
    return re.search(r"--enable-optimizations|-fprofile-use", configured) is not None


def revision() -> str:
    """Of the project's directory, with a mark where it has changes."""
    command = ["git", "-C", str(Path(__file__).parents[1]), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

"""Where and with what it was measured: no name of a host, no path."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from contenders import Column

VERSION = "from importlib.metadata import version; print(version({!r}))"


def processor() -> str:
    """What the processor calls itself, as far as the system tells."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def version(python: str, package: str) -> str:
    done = subprocess.run(
        [python, "-c", VERSION.format(package)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def told(columns: Sequence[Column], pythons: Mapping[str, str], loads: Sequence[float]) -> str:
    """The lines under the table."""
    asked = {(column.package, pythons[column.name]) for column in columns}
    asked |= {("aiohttp", pythons["raw_litellm"])} if "raw_litellm" in pythons else set()
    versions = sorted({f"{package} {version(python, package)}" for package, python in asked})
    today = datetime.datetime.now(datetime.timezone.utc).date()
    load = " to ".join(f"{one:.1f}" for one in sorted({min(loads), max(loads)}))
    return (
        f"{today}; Python {platform.python_version()}, {platform.system()}, {processor()},"
        f" {os.cpu_count()} cores under a load of {load} (this benchmark's own part included)."
        f" Versions: {', '.join(versions)}."
    )

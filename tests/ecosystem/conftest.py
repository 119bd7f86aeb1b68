"""Packages that were written for bruno-llm 0.2.0."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ecosystem.others import unpacked


@pytest.fixture(scope="session")
def former_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of bruno-llm 0.2.0."""
    return unpacked("bruno-llm==0.2.0", tmp_path_factory.mktemp("former"))

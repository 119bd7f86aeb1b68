"""What the tests of the command line name with ``--tool`` and ``--schema``."""

from __future__ import annotations

from pydantic import BaseModel

from bruno_llm import tool


class City(BaseModel):
    name: str
    people: int


def capital(country: str) -> str:
    """The capital of a country."""
    return {"Norway": "Oslo"}[country]


@tool(approve=True)
def delete(file: str) -> str:
    """Delete a file."""
    return f"{file} is gone"


both = [capital, delete]

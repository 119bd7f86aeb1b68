"""What SECURITY.md says of files, of texts and of the range of litellm's releases is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bruno_llm import InvalidRequestError
from bruno_llm.testing import FakeServer
from tests.contract.matrix import CLAUDE, GEMINI, Case, complete
from tests.size import FULL
from tests.terminal import Piped

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
PROMPT, ANSWER, KEY = "a-planted-question", "a-planted-answer", "sk-planted-0123456789"

PROGRAM = f"""
import asyncio, os, sys, warnings
os.chdir(os.environ["HOME"])
warnings.simplefilter("ignore")
from bruno_llm import Cache, CostTracker, OpenAIEmbedder, OpenAIProvider
from bruno_llm.testing import FakeServer, Reply

async def main():
    costs = CostTracker(ledger=sys.argv[1]) if sys.argv[1:] else CostTracker()
    with FakeServer() as server:
        server.default = Reply("{ANSWER}")
        given = {{"api_key": "{KEY}", "base_url": server.base_url("openai"), "costs": costs}}
        async with OpenAIProvider("gpt-4o-mini", cache=Cache(), **given) as llm:
            assert await llm.generate("{PROMPT}") == "{ANSWER}"
            assert "".join([piece async for piece in llm.stream("{PROMPT} again")]) == "{ANSWER}"
            llm.get_token_count("{PROMPT}")
            await llm.list_models()
        async with OpenAIEmbedder(**given) as embedder:
            await embedder.embed_text("{PROMPT}")
        assert len(server.requests) >= 3
    costs.close()

asyncio.run(main())
"""


def run(home: Path, *arguments: str, fresh: bool) -> str:
    """All that the program says, run in an empty home.

    In a fresh interpreter what importing litellm leaves behind would be seen as well.
    """
    named = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")}
    env = {**keep, **dict.fromkeys(named, str(home))}
    if not fresh:
        with Piped(arguments, env, code=PROGRAM) as program:
            said = program.stdout.readall() + program.stderr.readall()
            assert program.wait() == 0, said
        return said.decode()
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def written(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.rglob("*") if path.is_file()}


@pytest.mark.sized
def test_only_the_ledger_that_was_asked_for_is_written(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="pip install 'bruno-llm[ledger]'")
    said = run(tmp_path, str(tmp_path / "costs.db"), fresh=FULL)
    files = written(tmp_path)
    assert "costs.db" in files
    assert all(name.startswith("costs.db") for name in files)
    for name, content in [*files.items(), ("what it printed", said.encode())]:
        for planted in (PROMPT, ANSWER, KEY):
            assert planted.encode() not in content, name


@pytest.mark.full
def test_nothing_is_written_by_itself(tmp_path: Path) -> None:
    run(tmp_path, fresh=True)
    assert written(tmp_path) == {}


def test_the_range_begins_above_every_release_with_an_advisory() -> None:
    given = re.search(r'"litellm>=([\d.]+),<', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert given is not None
    floor = tuple(map(int, given[1].split(".")))
    section = PAGE.partition("## Dependencies")[2].partition("What an application runs")[0]
    bounds = [tuple(map(int, one.split("."))) for one in re.findall(r"\b1\.\d+\.\d+\b", section)]
    assert len(bounds) >= 6
    assert max(bounds) < floor


def test_every_week_somebody_looks() -> None:
    workflow = (ROOT / ".github" / "workflows" / "litellm.yml").read_text("utf-8")
    assert "schedule:" in workflow
    assert "make audit" in workflow
    assert "pip-audit" in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", [CLAUDE, GEMINI], ids=str)
async def test_no_picture_is_fetched_from_a_private_address(
    case: Case, way: str, server: FakeServer
) -> None:
    with FakeServer() as private:
        url = f"{private.url}/pictures/of-the-family.png"
        picture = {"type": "image_url", "image_url": {"url": url}}
        with pytest.raises(InvalidRequestError) as caught:
            await complete(case.provider(server), way, [{"role": "user", "content": [picture]}])
        assert private.accepted == 0
    assert "family" not in str(caught.value)
    assert server.requests == []

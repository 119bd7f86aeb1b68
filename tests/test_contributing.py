"""CONTRIBUTING.md, "Add a provider", followed to the letter."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bruno_llm.providers
import bruno_llm.vendors
from bruno_llm import AuthenticationError, LiteLLMProvider, LLMFactory, QuotaExceededError
from bruno_llm.testing import FakeServer, Fault
from bruno_llm.testing.contract import check_provider

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text("utf-8")
STEPS = TEXT.partition("## Add a provider")[2].partition("\n## ")[0]
BLOCK = re.compile(r"^`(?P<path>[\w./]+)`\n\n```\w+\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
ASK = [{"role": "user", "content": "Hi"}]
KEY = "xai-key-0123456789abcdef"


@pytest.fixture
def files() -> dict[str, str]:
    """What the text says is in each file."""
    found = {match["path"]: match["body"] for match in BLOCK.finditer(STEPS)}
    assert len(found) == 5
    return found


@pytest.fixture
def added(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[LiteLLMProvider]]:
    """The class, out of those files, in a tree that lies over the package's own."""
    for path, body in files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body, "utf-8")
    for package in (bruno_llm.vendors, bruno_llm.providers):
        there = str(tmp_path / package.__name__.replace(".", "/"))
        monkeypatch.setattr(package, "__path__", [*package.__path__, there])
    info = tmp_path / "site" / "with_xai-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: with-xai\nVersion: 1.0\n")
    _, _, points = files["pyproject.toml"].partition("\n")
    (info / "entry_points.txt").write_text(
        "[bruno.llm_providers]\n" + points.replace('"', ""), "utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("XAI_API_KEY", KEY)
    yield type(LLMFactory.create("xai"))  # type: ignore[misc]
    for name in [name for name in sys.modules if name.startswith("bruno_llm.") and "xai" in name]:
        del sys.modules[name]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(models={"xai": ["grok-4.7"]}) as running:
        yield running


async def test_it_works(
    added: type[LiteLLMProvider], server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAI_API_BASE", server.base_url("xai"))
    llm = LLMFactory.create("xai", retry=1)
    assert isinstance(llm, added)
    assert (llm.name, llm.model) == ("xai", "grok-4.7")
    done = await llm.complete(ASK)
    assert (done.text, done.provider, done.model) == ("Hello", "xai", "grok-4.7")
    assert done.cost == pytest.approx((10 * 2.00 + 5 * 6.00) / 1_000_000)
    assert "".join([piece async for piece in llm.stream(ASK)]) == "Hello"
    assert await llm.check_connection()
    assert await llm.list_models() == ["grok-4.7"]
    assert {request.key for request in server.requests} == {KEY}
    server.script(Fault.status(403, message="Your team has used all available credits."))
    with pytest.raises(QuotaExceededError):
        await llm.generate(ASK)


async def test_it_keeps_the_contract(added: type[LiteLLMProvider], server: FakeServer) -> None:
    await check_provider(lambda: added(base_url=server.base_url("xai"), retry=None))


async def test_a_missing_key_names_its_variable(
    added: type[LiteLLMProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XAI_API_KEY")
    with pytest.raises(AuthenticationError, match="XAI_API_KEY"):
        await added().generate(ASK)


def test_the_files_of_the_steps_are_there() -> None:
    """The rows of step 4 and 5 name files that exist."""
    root = Path(bruno_llm.__file__).parent
    for name in ("vendors/registry.py", "factory/named.py", "__init__.py", "options/call.py"):
        assert f"`{name}`" in STEPS
        assert (root / name).is_file()
    for name in re.findall(r"`(tests/[\w./]+)`", STEPS):
        assert (root.parent / name).is_file(), name

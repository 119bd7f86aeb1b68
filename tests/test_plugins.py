"""Plugins: an installed one is found, a broken one is named, each is held to the interface."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bruno_core.interfaces.llm import LLMInterface

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.factory.plugins import broken_plugins, list_plugins, load_plugin, problems

EXAMPLE = Path(__file__).parents[1] / "examples" / "custom_provider"


class Complete:
    """All of the interface, without inheriting from it."""

    async def generate(
        self, messages: Any, temperature: Any = None, max_tokens: Any = None, **kwargs: Any
    ) -> str:
        return ""

    async def stream(
        self, messages: Any, temperature: Any = None, max_tokens: Any = None, **kwargs: Any
    ) -> AsyncIterator[str]:
        yield ""

    def get_token_count(self, text: str) -> int:
        return 0

    async def check_connection(self) -> bool:
        return True

    async def list_models(self) -> list[str]:
        return []

    def get_model_info(self) -> dict[str, Any]:
        return {}

    def set_system_prompt(self, prompt: str) -> None: ...

    def get_system_prompt(self) -> str | None:
        return None


def variant(**methods: Any) -> type:
    return type("Variant", (Complete,), methods)


async def asynchronous(self: Any, *args: Any, **kwargs: Any) -> Any: ...


def synchronous(self: Any, *args: Any, **kwargs: Any) -> Any: ...


def gives_iterator(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[str]: ...


def keyword_only(
    self: Any, messages: Any, *, temperature: Any = None, max_tokens: Any = None, **kwargs: Any
) -> AsyncIterator[str]: ...


def no_options(self: Any, messages: Any) -> AsyncIterator[str]: ...


def needs_more(self: Any, messages: Any, tenant: Any, **kwargs: Any) -> AsyncIterator[str]: ...


def other_name(self: Any, chat: Any, **kwargs: Any) -> AsyncIterator[str]: ...


def other_order(
    self: Any, messages: Any, max_tokens: Any = None, temperature: Any = None, **kwargs: Any
) -> AsyncIterator[str]: ...


def by_class(cls: Any) -> dict[str, Any]:
    return {}


def no_self(text: str) -> int:
    return 0


@functools.wraps(Complete.generate)
def wrapped(*args: Any, **kwargs: Any) -> Any: ...


@pytest.mark.parametrize(
    "methods",
    [
        {},
        {"generate": asynchronous},
        {"generate": wrapped},
        {"stream": asynchronous},
        {"stream": gives_iterator},
        {"stream": keyword_only},
        {"get_model_info": classmethod(by_class)},
        {"get_token_count": staticmethod(no_self)},
    ],
)
def test_what_fits(methods: dict[str, Any]) -> None:
    assert problems(variant(**methods)) == []


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        ({"generate": None}, "generate() is missing"),
        ({"generate": 3}, "generate is not a method"),
        ({"generate": synchronous}, "generate() must be async"),
        ({"check_connection": synchronous}, "check_connection() must be async"),
        ({"get_token_count": asynchronous}, "get_token_count() must not be async"),
        ({"stream": synchronous}, "stream() must be an async generator, or return an async"),
        ({"stream": no_options}, "stream(messages, temperature=...) is not possible: got an"),
        ({"stream": no_options}, "stream() must take **kwargs"),
        ({"stream": needs_more}, "stream(messages) is not possible: missing a required argument"),
        ({"stream": other_name}, "stream(messages=...) is not possible: missing a required"),
        ({"stream": other_order}, "stream() must take its arguments in the order messages, temp"),
        ({"set_system_prompt": by_class}, "set_system_prompt(prompt) is not possible: too many"),
    ],
)
def test_what_does_not_fit_is_said(methods: dict[str, Any], says: str) -> None:
    assert any(says in problem for problem in problems(variant(**methods)))


def test_more_that_does_not_fit() -> None:
    class Half(LLMInterface):
        async def check_connection(self) -> bool:
            return True

    assert "generate() is missing" in problems(Half)
    assert len(problems(Half)) == 7
    assert problems(object()) and "is not a class" in problems("echo")[0]

    class Unannotated(Complete):
        def stream(self, messages, temperature=None, max_tokens=None, **kwargs):  # type: ignore
            return self

    class Native(Complete):
        stream = gives_iterator
        get_model_info = dict  # type: ignore[assignment]

    assert len(problems(Unannotated)) == 1
    Native.stream.__annotations__["return"] = AsyncIterator[str]
    assert not any("stream" in problem for problem in problems(Native))


# --- installed ------------------------------------------------------------------------------


def declare(folder: Path, distribution: str, points: dict[str, str], module: str = "") -> None:
    """Put a distribution into a folder of ``sys.path``, as an installer would."""
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {target}\n" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[bruno.llm_providers]\n{lines}")
    if module:
        (folder / f"{distribution}.py").write_text(module)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_listing_imports_nothing(site: Path) -> None:
    declare(site, "plug_explodes", {"Boom": "plug_explodes:Provider"}, "raise SystemExit('boom')")
    (found,) = [plugin for plugin in list_plugins() if plugin.name == "boom"]
    assert (found.target, found.distribution, found.version) == (
        "plug_explodes:Provider",
        "plug_explodes",
        "1.0",
    )
    assert "plug_explodes" not in sys.modules


def test_a_broken_plugin_is_named_and_hides_no_other(site: Path) -> None:
    declare(site, "plug_exits", {"exits": "plug_exits:P"}, "raise SystemExit('boom')")
    declare(site, "plug_missing", {"missing": "no_such_module:P"})
    declare(site, "plug_half", {"half": "plug_half:P"}, "class P: pass\n")
    declare(site, "plug_good", {"good": "plug_good:P"}, "from test_plugins import Complete as P\n")
    broken = broken_plugins()
    assert "cannot be imported: SystemExit: boom" in broken["exits"]
    assert "cannot be imported: ModuleNotFoundError" in broken["missing"]
    assert "'half' (plug_half:P, of plug_half) does not fit LLMInterface" in broken["half"]
    assert "get_token_count() is missing" in broken["half"]
    assert "good" not in broken
    assert load_plugin("GOOD").__name__ == "Complete"


def test_two_plugins_with_one_name(site: Path) -> None:
    declare(site, "plug_one", {"twin": "plug_one:P"})
    declare(site, "plug_two", {"twin": "plug_two:P"})
    with pytest.raises(ConfigurationError, match="declared twice, by plug_one and plug_two"):
        load_plugin("twin")
    assert "declared twice" in broken_plugins()["twin"]


def test_a_plugin_cannot_take_a_name_of_ours_unseen(site: Path) -> None:
    declare(site, "plug_thief", {"openai": "plug_thief:P"})
    assert broken_plugins({"openai": "bruno-llm"})["openai"] == (
        "the name 'openai' belongs to bruno-llm"
    )


def test_our_own_entry_points_are_not_plugins(site: Path) -> None:
    declare(site, "bruno_llm", {"openai": "bruno_llm.providers.openai:OpenAIProvider"})
    assert not any(plugin.name == "openai" for plugin in list_plugins())


def test_a_plugin_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match="declares the provider 'nowhere'"):
        load_plugin("nowhere")


SCRIPT = """
import asyncio, json, sys
from bruno_llm.factory.factory import LLMFactory

async def main():
    names = LLMFactory.list_providers()
    imported = [m for m in sys.modules if m.startswith("bruno_llm_echo")]
    llm = LLMFactory.create("echo")
    message = [{"role": "user", "content": "hello there you"}]
    said = await llm.generate(message, max_tokens=2)
    pieces = [piece async for piece in llm.stream(message)]
    deepseek = LLMFactory.create("deepseek", temperature=0.5)
    chosen = await LLMFactory.create_available(["deepseek", "echo"], prefer="local")
    health = await LLMFactory.health_check(["echo", "deepseek"])
    print(json.dumps({
        "names": names, "imported": imported, "said": said, "pieces": pieces,
        "broken": LLMFactory.broken_plugins(), "chosen": type(chosen).__name__,
        "deepseek": [type(deepseek).__name__, deepseek.model, deepseek.api_key_env],
        "hint": health["deepseek"].hint, "ok": health["echo"].ok,
    }))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built and installed by pip into a folder of its own, without the network."""
    target = tmp_path_factory.mktemp("site")
    # A copy, because a build may leave files beside the sources.
    source = tmp_path_factory.mktemp("source") / "custom_provider"
    import shutil

    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*command, str(source)], check=True, timeout=120)
    return target


@pytest.mark.full
def test_the_example_is_installed_and_discovered(installed: Path) -> None:
    root = str(Path(__file__).parents[1])
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    environment["PYTHONPATH"] = os.pathsep.join([str(installed), root])
    environment["BRUNO_LLM_ECHO_VOICE"] = "loud"
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout.splitlines()[-1])
    assert {"echo", "deepseek", "openai", "ollama"} <= set(seen["names"])
    assert seen["imported"] == []
    assert seen["said"] == "HELLO THERE"
    assert seen["pieces"] == ["HELLO", " THERE", " YOU"]
    assert seen["broken"] == {}
    assert seen["deepseek"] == ["DeepSeekProvider", "deepseek-chat", ["DEEPSEEK_API_KEY"]]
    assert "DEEPSEEK_API_KEY" in seen["hint"]
    assert seen["chosen"] == "EchoProvider" and seen["ok"]

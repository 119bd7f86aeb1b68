"""The real llama.cpp server on the computed model: what every later test relies on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bruno_llm.demo import engine as engine_module
from bruno_llm.demo.engine import Engine
from bruno_llm.exceptions import ConfigurationError

pytest.importorskip("xllamacpp")
pytest.importorskip("gguf")

# Seconds for an answer; llama.cpp computes, so a busy machine takes its time.
PATIENCE = 300.0
HELLO = "Hello from a tiny model that no one trained: Café 🙂 done."


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running


def chat(engine: Engine, text: str, **more: Any) -> dict[str, Any]:
    body = {"model": "tiny", "messages": [{"role": "user", "content": text}], **more}
    answer = httpx.post(f"{engine.openai_base_url}/chat/completions", json=body, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == "tiny"
    choice: dict[str, Any] = answer.json()["choices"][0]
    return choice


def gone(pid: int) -> bool:
    """Whether the process ends within ten seconds."""
    for _ in range(200):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_chat_gets_the_fixed_sentence_and_a_natural_stop(engine: Engine) -> None:
    choice = chat(engine, "hello")
    assert choice["message"]["content"] == HELLO
    assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("trigger", "text"),
    [
        ("[[short]]", "Yes."),
        ("[[count]]", " ".join(f"n{i}" for i in range(1, 65))),
        ("[[fence]]", '```json\n{"answer":42,"ok":true}\n```'),
    ],
)
def test_a_trigger_picks_another_reply(engine: Engine, trigger: str, text: str) -> None:
    assert chat(engine, f"please {trigger} now")["message"]["content"] == text


def test_a_thought_is_told_apart_from_the_answer(engine: Engine) -> None:
    message = chat(engine, "[[think]]")["message"]
    assert message["content"] == "Thought."
    assert message["reasoning_content"].strip() == "I should keep this brief."


def test_tools_lead_to_a_call_and_its_result_to_text(engine: Engine) -> None:
    tools = [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        }
    ]
    choice = chat(engine, "weather in Paris?", tools=tools)
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    body = {
        "model": "tiny",
        "tools": tools,
        "messages": [
            {"role": "user", "content": "weather in Paris?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": "sunny"},
        ],
    }
    after = httpx.post(
        f"{engine.openai_base_url}/chat/completions", json=body, timeout=PATIENCE
    ).json()
    assert after["choices"][0]["message"]["content"] == "The tool said it is sunny."


def test_a_schema_is_obeyed(engine: Engine) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    content = chat(engine, "who?", response_format=wanted)["message"]["content"]
    assert content.startswith("{")
    assert '"name"' in content
    assert '"age"' in content


def test_the_anthropic_wire_answers_too(engine: Engine) -> None:
    body = {
        "model": "claude-tiny",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "hello"}],
    }
    url = f"{engine.anthropic_base_url}/v1/messages"
    answer = httpx.post(url, json=body, headers={"x-api-key": "any"}, timeout=PATIENCE).json()
    assert answer["content"][0]["text"] == HELLO
    assert answer["stop_reason"] == "end_turn"


def test_leaving_a_stream_frees_the_slot() -> None:
    body = {
        "model": "tiny",
        "stream": True,
        "messages": [{"role": "user", "content": "[[forever]]"}],
    }
    # A context that takes half a minute to fill, so that the answer does not end by itself.
    with Engine(ctx=131_072, slots=1) as engine, httpx.Client(timeout=PATIENCE) as client:

        def busy() -> bool:
            return bool(client.get(f"{engine.url}/slots").json()[0]["is_processing"])

        with client.stream(
            "POST", f"{engine.openai_base_url}/chat/completions", json=body
        ) as answer:
            lines = answer.iter_lines()  # kept: an iterator that is dropped closes the connection
            assert next(lines).startswith("data:")
            assert busy()
        for _ in range(100):
            if not busy():
                return
            time.sleep(0.02)
        pytest.fail("the server went on generating after the reader left")


def test_embeddings_depend_on_the_text() -> None:
    with Engine(embed=True) as embedder:
        url = f"{embedder.openai_base_url}/embeddings"
        answer = httpx.post(
            url, json={"model": "tiny", "input": ["aab", "aab", "xyz"]}, timeout=PATIENCE
        )
        one, same, other = (item["embedding"] for item in answer.json()["data"])
    assert one == pytest.approx(same, abs=1e-6)
    assert one != pytest.approx(other, abs=1e-3)


def test_a_key_is_asked_for_and_kept_out_of_the_process_list() -> None:
    with Engine(key="sk-local-secret") as locked:
        url = f"{locked.openai_base_url}/chat/completions"
        body = {"messages": [{"role": "user", "content": "hello"}]}
        assert httpx.post(url, json=body, timeout=PATIENCE).status_code == 401
        headers = {"authorization": "Bearer sk-local-secret"}
        answer = httpx.post(url, json=body, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 200
        if sys.platform == "linux":
            assert b"secret" not in Path(f"/proc/{locked.pid}/cmdline").read_bytes()
        assert "secret" not in repr(locked)


def test_a_small_context_overflows_as_the_real_thing_does() -> None:
    with Engine(ctx=256, slots=1) as small:
        body = {"messages": [{"role": "user", "content": "word " * 200}]}
        answer = httpx.post(
            f"{small.openai_base_url}/chat/completions", json=body, timeout=PATIENCE
        )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "exceed_context_size_error"


def test_several_engines_live_side_by_side() -> None:
    with Engine() as one, Engine() as two:
        assert one.url != two.url
        assert chat(one, "[[short]]") == chat(two, "[[short]]")


def test_stop_ends_the_process_and_may_be_called_twice() -> None:
    engine = Engine()
    engine.start()
    engine.start()
    pid = engine.pid
    assert pid
    engine.stop()
    engine.stop()
    assert engine.pid is None
    assert gone(pid)
    with pytest.raises(ConfigurationError, match="with Engine"):
        _ = engine.url


@pytest.mark.faults
def test_a_server_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "STOP_SECONDS", 0.2)
    engine = Engine()
    engine.start()
    pid = engine.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    engine.stop()
    assert gone(pid)


@pytest.mark.faults
def test_the_server_ends_when_its_parent_is_killed() -> None:
    code = (
        "import time; from bruno_llm.demo.engine import Engine\n"
        "e = Engine(); e.start(); print(e.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(pid)


@pytest.mark.parametrize("package", ["xllamacpp", "gguf"])
def test_a_missing_extra_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=r"pip install 'bruno-llm\[demo\]'"):
        Engine().start()


@pytest.mark.parametrize("setting", ["ctx", "slots"])
def test_a_number_that_is_not_positive_is_refused(setting: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{setting}=0"):
        Engine(**{setting: 0})  # type: ignore[arg-type]


def test_the_model_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with Engine():
        (model,) = (tmp_path / "bruno-llm").iterdir()
        made = model.stat().st_mtime_ns
    with Engine():
        assert model.stat().st_mtime_ns == made


def test_a_home_that_cannot_be_written_to_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with Engine() as engine:
        assert chat(engine, "[[short]]")["message"]["content"] == "Yes."


def test_a_model_that_cannot_be_loaded_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with Engine():
        (model,) = (tmp_path / "bruno-llm").iterdir()
    model.write_bytes(b"not a model")
    engine = Engine()
    with pytest.raises(ConfigurationError, match="did not start"):
        engine.start()
    assert engine.pid is None


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "START_SECONDS", 0.0)
    engine = Engine()
    with pytest.raises(ConfigurationError, match="did not start"):
        engine.start()
    assert engine.pid is None

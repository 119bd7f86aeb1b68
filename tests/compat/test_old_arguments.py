"""Arguments and attributes of the providers of bruno-llm 0.2.0."""

from __future__ import annotations

from typing import Any

import pytest

import bruno_llm
from bruno_llm import (
    ConfigurationError,
    CostTracker,
    OllamaProvider,
    OpenAIProvider,
    Retry,
)
from bruno_llm.testing import FakeServer, Fault, MovedClock, Reply
from tests.compat.former import HELLO, OLD, old

pytestmark = pytest.mark.usefixtures("no_keys")


async def test_max_retries_and_track_cost_hold_for_both_ways_to_ask(server: FakeServer) -> None:
    with pytest.warns(DeprecationWarning, match="of bruno-llm 0.2.0") as said:
        llm = OpenAIProvider(
            "gpt-5.4",
            api_key="k",
            base_url=server.base_url("openai"),
            max_retries=1,  # type: ignore[call-arg]
            track_cost=True,
        )
    assert [str(one.message).split(" is of")[0] for one in said] == ["max_retries=", "track_cost="]
    assert all(one.filename == __file__ for one in said)
    assert llm.retry == Retry(attempts=2)
    with MovedClock():
        for status in (500, 503):
            server.script(Fault.status(status), Reply("Hi"))
        assert await llm.generate(HELLO) == "Hi"
        assert "".join([piece async for piece in llm.stream(HELLO)]) == "Hi"
    assert llm.costs is not None and len(llm.costs.recent()) == 2
    with pytest.warns(DeprecationWarning, match=r"cost_tracker .* use provider\.costs "):
        costs = llm.cost_tracker  # type: ignore[attr-defined]
    report = costs.get_usage_report()
    assert (report["provider"], report["total_requests"]) == ("openai", 2)
    assert report["total_cost"] == pytest.approx(float(llm.costs.total))
    assert report["total_cost"] > 0
    assert report["total_tokens"]["total"] == sum(report["total_tokens"].values()) / 2 > 0
    assert costs.get_total_cost("another") == 0
    assert costs.check_budget(10)["within_budget"]
    for refused in (costs.clear_history, lambda: costs.track_request("m", 1, 1)):
        with pytest.raises(TypeError, match="book"):
            refused()


def test_a_provider_that_books_nothing_has_no_cost_tracker() -> None:
    llm: Any = OpenAIProvider(api_key="k")
    with pytest.raises(AttributeError, match=r"make it with costs=CostTracker\(\)"):
        _ = llm.cost_tracker
    assert not hasattr(llm, "client")
    with pytest.raises(AttributeError, match="'OpenAIProvider' object has no attribute 'confg'"):
        _ = llm.confg


@pytest.mark.filterwarnings(OLD)
def test_old_arguments_that_make_no_sense() -> None:
    for wrong in (-1, True, "3"):
        with pytest.raises(ConfigurationError, match="max_retries must be 0 or more"):
            OpenAIProvider(max_retries=wrong)  # type: ignore[call-arg]
    tracker = CostTracker()
    llm: Any = OllamaProvider(track_cost=True, costs=tracker)  # type: ignore[call-arg]
    assert llm.costs is tracker
    assert OllamaProvider(track_cost=False).costs is None  # type: ignore[call-arg]


def test_config_and_provider_name() -> None:
    llm: Any = OpenAIProvider(
        "gpt-5.4", api_key="sk-secret-secret", timeout=5, temperature=0.1, organization="org"
    )
    with pytest.warns(DeprecationWarning, match="get_model_info"):
        config = llm.config
    assert isinstance(config, old("bruno_llm.providers.openai.config", "OpenAIConfig"))
    assert (config.model, config.timeout, config.temperature) == ("gpt-5.4", 5, 0.1)
    assert (config.organization, config.max_retries) == ("org", 2)
    assert config.api_key.get_secret_value() == "sk-secret-secret"
    assert "secret-secret" not in repr(config)
    ollama: Any = OllamaProvider("m", base_url="http://box:1", max_tokens=7, num_predict=7)
    with pytest.warns(DeprecationWarning, match="config"):
        config = ollama.config
    assert (config.base_url, config.num_predict) == ("http://box:1", 7)
    with pytest.warns(DeprecationWarning, match=r"use provider\.name"):
        assert ollama.provider_name == "ollama"
    other: Any = bruno_llm.ClaudeProvider(api_key="k")
    with (
        pytest.warns(DeprecationWarning, match="config"),
        pytest.raises(AttributeError, match="has no config"),
    ):
        _ = other.config

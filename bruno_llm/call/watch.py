"""What a call tells those who watch: structlog events, and OpenTelemetry where it is in use.

Events: ``llm_call_started`` (debug), ``llm_call_retried`` (of ``retry.py``), ``llm_call_finished``
and ``llm_call_failed``, with tokens, US dollars, seconds and ids, never with content.

Spans and metrics follow OpenTelemetry's semantic conventions for generative AI (1.41, "GenAI client
spans" and "GenAI metrics"). They cost nothing until the application has set up an SDK of
OpenTelemetry. Content is added to spans only when
``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`` is set, as those conventions want it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial
from typing import Any, Literal
from urllib.parse import urlsplit

from bruno_llm import _clock
from bruno_llm._runtime.log import get_logger
from bruno_llm._version import __version__
from bruno_llm.completion import Completion, Usage
from bruno_llm.exceptions import LLMError

__all__ = ["SILENT", "Watch"]

logger = get_logger(__name__)

_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_API = "opentelemetry.trace"
_OPERATIONS = {"chat": "chat", "embedding": "embeddings"}
_REQUEST = {
    "temperature": "gen_ai.request.temperature",
    "max_tokens": "gen_ai.request.max_tokens",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "seed": "gen_ai.request.seed",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
}


class Watch:
    """Follows one call from its admission to its end.

    Attributes:
        current: Makes what is entered while it is sent: this call's span becomes the parent of what
            an instrumented HTTP client reports.
    """

    current: Callable[[], AbstractContextManager[Any]] = nullcontext

    def __init__(
        self,
        provider: str,
        conventional: str,
        model: str,
        kind: Literal["chat", "embedding"],
        base_url: str | None,
        options: Mapping[str, Any],
        started: float,
    ) -> None:
        self._provider = provider
        self._model = model
        self._kind = kind
        self._started = started
        self._first: float | None = None
        self._otel = _instruments() if _API in sys.modules and _in_use() else None
        self._span: Any = None
        self._labels: dict[str, Any] = {}
        self._is_heard = logger.hears(logging.INFO)
        if self._is_heard:
            logger.debug("llm_call_started", provider=provider, model=model)
        if self._otel is not None:
            self._labels = _labels(conventional, model, _OPERATIONS[kind], base_url)
            self._span = self._otel.span(
                f"{_OPERATIONS[kind]} {model}", {**self._labels, **_asked(options)}
            )
            self.current = partial(self._otel.use, self._span)

    def first_piece(self) -> None:
        """The first piece of a stream is there."""
        self._first = _clock.monotonic() - self._started

    def retried(self, attempt: int, error: LLMError, wait: float) -> None:
        """A try failed and another one follows after ``wait`` seconds."""
        if self._span is not None:
            kind = type(error).__name__
            self._span.add_event("retry", {"attempt": attempt, "error.type": kind, "wait": wait})

    def end(
        self,
        done: Completion | None,
        error: BaseException | None,
        request: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """The call is over: answered, failed, or left by its reader.

        Args:
            done: What it used, ``None`` when nothing was answered.
            error: What it raised, ``None`` for a whole answer.
            request: The messages, for those who asked for content.
        """
        if not self._is_heard and self._span is None and error is None:
            return
        latency = _clock.monotonic() - self._started
        self._log(done, error, latency)
        if self._span is not None:
            self._end_span(done, error, latency, request)

    def _log(self, done: Completion | None, error: BaseException | None, latency: float) -> None:
        common = {"provider": self._provider, "latency": round(latency, 3)}
        if isinstance(error, LLMError):
            logger.warning(
                "llm_call_failed",
                model=self._model,
                error=type(error).__name__,
                status_code=error.status_code,
                request_id=error.request_id,
                **common,
            )
            return
        usage = (done.usage if done else None) or Usage()
        logger.info(
            "llm_call_finished",
            model=done.model if done else self._model,
            whole=error is None,
            finish_reason=done.finish_reason if done else None,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=done.cost if done else None,
            request_id=done.metadata.get("request_id") if done else None,
            **common,
        )

    def _end_span(
        self,
        done: Completion | None,
        error: BaseException | None,
        latency: float,
        request: Sequence[Mapping[str, Any]],
    ) -> None:
        assert self._otel is not None
        labels = dict(self._labels)
        if isinstance(error, LLMError):
            labels["error.type"] = type(error).__name__
            self._otel.fail(self._span, labels["error.type"], str(error))
        if done is not None:
            labels["gen_ai.response.model"] = done.model
            self._span.set_attributes(_answered(done))
            if done.usage is not None and not done.usage.estimated:
                self._otel.count_tokens(done.usage, labels)
            if self._kind == "chat" and _captures():
                self._span.set_attributes(_content(request, done))
        if self._first is not None:
            self._span.set_attribute("gen_ai.response.time_to_first_chunk", self._first)
            self._otel.first_chunk.record(self._first, labels)
        self._otel.duration.record(latency, labels)
        self._span.end()


class _Silent(Watch):
    """Watches nothing: for questions that are no calls, such as counting tokens."""

    def __init__(self) -> None:
        self._otel = self._span = None

    def first_piece(self) -> None:
        pass

    def end(
        self,
        done: Completion | None,
        error: BaseException | None,
        request: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        pass


SILENT = _Silent()


class _Instruments:
    """The tracer and the histograms of this package; the application's SDK stands behind them."""

    def __init__(self) -> None:
        from opentelemetry import metrics, trace

        self._trace = trace
        self._tracer = trace.get_tracer("bruno_llm", __version__)
        meter = metrics.get_meter("bruno_llm", __version__)
        # Boundaries as the conventions recommend them.
        self.duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration",
            explicit_bucket_boundaries_advisory=[0.01 * 2**n for n in range(14)],
        )
        self.first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time to receive the first chunk of a streamed answer",
            explicit_bucket_boundaries_advisory=[0.01 * 2**n for n in range(14)],
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used",
            explicit_bucket_boundaries_advisory=[4**n for n in range(14)],
        )

    def span(self, name: str, attributes: Mapping[str, Any]) -> Any:
        return self._tracer.start_span(
            name, kind=self._trace.SpanKind.CLIENT, attributes=dict(attributes)
        )

    def use(self, span: Any) -> AbstractContextManager[Any]:
        return self._trace.use_span(
            span, end_on_exit=False, record_exception=False, set_status_on_exception=False
        )

    def fail(self, span: Any, kind: str, message: str) -> None:
        span.set_status(self._trace.StatusCode.ERROR, message)
        span.set_attribute("error.type", kind)

    def count_tokens(self, usage: Usage, labels: Mapping[str, Any]) -> None:
        for kind, tokens in (("input", usage.prompt_tokens), ("output", usage.completion_tokens)):
            self._tokens.record(tokens, {**labels, "gen_ai.token.type": kind})


def _in_use() -> bool:
    """Whether the application has set up an SDK; litellm imports the bare API by itself."""
    from opentelemetry import metrics, trace

    tracer, meter = type(trace.get_tracer_provider()), type(metrics.get_meter_provider())
    return not ("Proxy" in tracer.__name__ and "Proxy" in meter.__name__)


@lru_cache(maxsize=1)
def _instruments() -> _Instruments:
    return _Instruments()


def _captures() -> bool:
    return os.environ.get(_CAPTURE, "").strip().lower() == "true"


def _labels(provider: str, model: str, operation: str, base_url: str | None) -> dict[str, Any]:
    labels: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }
    if base_url:
        address = urlsplit(base_url)
        labels["server.address"] = address.hostname or ""
        labels["server.port"] = address.port or (443 if address.scheme == "https" else 80)
    return labels


def _asked(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: options[option]
        for option, name in _REQUEST.items()
        if isinstance(options.get(option), int | float)
    }


def _answered(done: Completion) -> dict[str, Any]:
    usage = done.usage or Usage()
    attributes: dict[str, Any] = {
        "gen_ai.response.model": done.model,
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_creation_tokens,
    }
    if done.cost is not None:
        attributes["bruno_llm.cost_usd"] = done.cost
    if done.id:
        attributes["gen_ai.response.id"] = done.id
    if done.finish_reason:
        attributes["gen_ai.response.finish_reasons"] = [done.finish_reason]
    return attributes


def _content(request: Sequence[Mapping[str, Any]], completion: Completion) -> dict[str, str]:
    answer = {
        "role": "assistant",
        "parts": [{"type": "text", "content": completion.text}],
        "finish_reason": completion.finish_reason,
    }
    asked = [
        {"role": m.get("role"), "parts": [{"type": "text", "content": m.get("content")}]}
        for m in request
    ]
    return {
        "gen_ai.input.messages": json.dumps(asked, ensure_ascii=False, default=str),
        "gen_ai.output.messages": json.dumps([answer], ensure_ascii=False),
    }

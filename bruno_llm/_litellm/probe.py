"""Every place where this package reaches into litellm, and what happens when one is gone.

litellm changes weekly. Each place is looked up once, when litellm is loaded and before anything
is sent: so that a release that moved one is an error about that release, not about the request,
and never one after a call was paid for.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from bruno_llm._runtime.log import get_logger
from bruno_llm.exceptions import LitellmChangedError

__all__ = ["REACHES", "Reach", "has", "probe", "require"]

logger = get_logger(__name__)
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Reach:
    """One place.

    Attributes:
        path: Its name, from ``litellm`` on.
        use: What it is there for, as it is said to the user.
        part: What the code of that function or constructor must speak of: an attribute that it
            sets, or a word that it takes out of its arguments.
        needed: Nothing works without it; else only what ``use`` says is lost.
    """

    path: str
    use: str
    part: str | None = None
    needed: bool = True

    @property
    def name(self) -> str:
        """The path, with the part after a colon."""
        return f"{self.path}:{self.part}" if self.part else self.path

    def is_there(self, litellm: Any) -> bool:
        """Whether this release has it."""
        found = litellm
        for name in self.path.split("."):
            found = getattr(found, name, _NOTHING)
            if found is _NOTHING:
                return False
        return self.part is None or _speaks_of(found, self.part)


def _speaks_of(found: Any, part: str) -> bool:
    function = inspect.unwrap(found.__init__ if inspect.isclass(found) else found)
    code = getattr(function, "__code__", None)
    return code is not None and part in (*code.co_names, *code.co_varnames, *code.co_consts)


_HANDLER = "llms.custom_httpx.http_handler.AsyncHTTPHandler"
_OWN_CLIENT = "one HTTP client for an event loop, with its timeouts and its view of the wire"
_OPTIONS = "dropping the options that a model does not take"
_LOST_CLIENT = "that HTTP client on routes such as Cohere and Cloudflare"
_PRICES = "the price of a call"
_AWAY = "keeping calls from a website about models"
_SPARED = "a call without work for nobody, a fifth of its time"
_SHORTER = "a long history in half the time"

FILE_SEARCH = "constants.OPENAI_FILE_SEARCH_COST_PER_1K_CALLS"
BETAS = "anthropic_beta_headers_manager._load_beta_headers_config"
HUB = "utils._get_max_position_embeddings"
_TASKS = "llms.huggingface.embedding.handler"
TASKS = tuple(f"{_TASKS}.{way}get_hf_task_embedding_for_model" for way in ("", "async_"))
_TEMPLATES = "litellm_core_utils.prompt_templates.factory"
TEMPLATES = tuple(f"{_TEMPLATES}._{way}fetch_and_extract_template" for way in ("", "a"))
PRICED = "response_cost_calculator"
_LOG = "litellm_core_utils.litellm_logging.Logging"
TOLD = (
    *(f"{_LOG}.{way}_handler" for way in ("async_success", "async_failure", "failure")),
    f"{_LOG}.handle_sync_success_callbacks_for_async_calls",
)
ENCODED = "main._get_encoding"
HINTED = "MistralConfig._is_empty_assistant_message"
COUNTED = "OllamaChatConfig.transform_response"
AZURE = "llms.azure.common_utils.BaseAzureLLM.initialize_azure_sdk_client"

REACHES = (
    Reach("acompletion", "every call"),
    Reach("aembedding", "embeddings"),
    Reach("get_llm_provider", "which vendor a model string means"),
    Reach("model_cost", "prices, windows and abilities of models"),
    Reach("completion_cost", _PRICES),
    Reach("ModelResponse", _PRICES),
    Reach("Usage", _PRICES),
    Reach(_HANDLER, _OWN_CLIENT),
    Reach(f"{_HANDLER}.create_client", _OWN_CLIENT),
    Reach(f"{_HANDLER}.post", _OWN_CLIENT),
    Reach("CustomStreamWrapper", "the chunks of a stream", part="completion_stream"),
    Reach("CustomStreamWrapper.fetch_stream", "the chunks of a stream"),
    Reach(AZURE, "calls over Azure", needed=False),
    Reach(FILE_SEARCH, "the price of OpenAI's file searches", needed=False),
    Reach(BETAS, "typed answers of Claude without a download", needed=False),
    Reach(HUB, _AWAY, needed=False),
    *(Reach(name, _AWAY, needed=False) for name in (*TEMPLATES, *TASKS)),
    *(Reach(name, _SPARED, needed=False) for name in (PRICED, *TOLD)),
    Reach(ENCODED, "a first call that does not stop the event loop for 80 ms", needed=False),
    Reach(HINTED, _SHORTER, part="get_type_hints", needed=False),
    Reach(COUNTED, _SHORTER, part="token_counter", needed=False),
    Reach("utils.get_optional_params", _OPTIONS, needed=False),
    Reach("UnsupportedParamsError", _OPTIONS, needed=False),
    Reach("in_memory_llm_clients_cache.get_cache", _LOST_CLIENT, needed=False),
    Reach("in_memory_llm_clients_cache.set_cache", _LOST_CLIENT, needed=False),
    Reach(
        "completion",
        "tools without the package mcp",
        part="_skip_mcp_handler",
        needed=False,
    ),
    Reach(
        "CustomStreamWrapper",
        "seeing on a few old routes that a stream was cut",
        part="received_finish_reason",
        needed=False,
    ),
    Reach(
        "litellm_core_utils.logging_worker.LoggingWorker",
        "leaving event loops without a word of Python's about litellm's tasks",
        part="_worker_task",
        needed=False,
    ),
    Reach(
        "litellm_core_utils.logging_worker.GLOBAL_LOGGING_WORKER",
        "leaving event loops without a word of Python's about litellm's tasks",
        needed=False,
    ),
    Reach("suppress_debug_info", "keeping its advice off the terminal", needed=False),
    Reach("disable_hf_tokenizer_download", "counting without a download", needed=False),
)

_gone: frozenset[str] = frozenset()


def probe(litellm: Any) -> None:
    """Look each place up, and say once what is lost.

    Raises:
        LitellmChangedError: Something is gone without which nothing works.
    """
    global _gone
    lost = [reach for reach in REACHES if not reach.is_there(litellm)]
    needed = [reach for reach in lost if reach.needed]
    if needed:
        raise _error(needed)
    _gone = frozenset(reach.name for reach in lost)
    if lost:
        logger.warning(
            "litellm_changed",
            release=_release(),
            gone=[reach.name for reach in lost],
            without=sorted({reach.use for reach in lost}),
        )


def has(*names: str) -> bool:
    """Whether these places, by their ``name``, are there."""
    return _gone.isdisjoint(names)


def require(name: str) -> None:
    """Refuse what cannot work without this place.

    Raises:
        LitellmChangedError: It is gone.
    """
    if not has(name):
        raise _error([reach for reach in REACHES if reach.name == name])


def _error(gone: list[Reach]) -> LitellmChangedError:
    uses = "; ".join(dict.fromkeys(reach.use for reach in gone))
    names = ", ".join(f"litellm.{reach.name}" for reach in gone)
    supported = _supported()
    return LitellmChangedError(
        f"litellm {_release()} no longer has {names}, which is needed for: {uses}",
        hint=f"install a release that is supported: {supported}" if supported else None,
    )


def _release() -> str:
    try:
        return version("litellm")
    except PackageNotFoundError:
        return "(of unknown release)"


def _supported() -> str | None:
    try:
        wanted = requires("bruno-llm") or []
    except PackageNotFoundError:
        return None
    return next((line for line in wanted if line.startswith("litellm")), None)

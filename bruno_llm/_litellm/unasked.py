"""Whom litellm would ask beside the address of a call: a website about models. It is not asked.

litellm 1.105 to 1.109 asks huggingface.co, synchronously in the event loop and whatever the
``base_url``, how many tokens a model of ``huggingface/`` takes (``utils.py``), what an embedding
model of it is for (``llms/huggingface/embedding/handler.py``), and how the chat becomes one text on
routes that take one (``replicate/``, ``petals/``, ``sagemaker/``;
``litellm_core_utils/prompt_templates/factory.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from bruno_llm._litellm.probe import HUB, TASKS, TEMPLATES, has

__all__ = ["stay_away"]


def stay_away(litellm: Any) -> None:
    """Have litellm go on as it does when the website does not answer."""
    if has(HUB):
        litellm.utils._get_max_position_embeddings = _unknown
    for name in TEMPLATES:
        if has(name):
            factory = litellm.litellm_core_utils.prompt_templates.factory
            part = name.rpartition(".")[2]
            setattr(factory, part, _offline(getattr(factory, part)))

    if has(*TASKS):
        handler = litellm.llms.huggingface.embedding.handler
        handler.get_hf_task_embedding_for_model = _task
        handler.async_get_hf_task_embedding_for_model = _task_later


def _task(model: str, task_type: str | None, api_base: str) -> str:
    """What the model is asked for; the other kinds of models there give no vectors."""
    return task_type or "feature-extraction"


async def _task_later(model: str, task_type: str | None, api_base: str) -> str:
    return _task(model, task_type, api_base)


def _unknown(model_name: str) -> None:
    """How many tokens a model takes."""


def _offline(fetch: Callable[..., Any]) -> Callable[..., Any]:
    def known_alone(
        model: str, chat_template: str | None, get_config_fn: Any, get_template_fn: Any
    ) -> Any:
        return fetch(model, chat_template, _no_answer, _no_answer)

    return known_alone


def _no_answer(hf_model_name: str) -> NoReturn:
    raise ConnectionError(f"huggingface.co is not asked about {hf_model_name}")

"""Tools of an MCP server: listed over the official client, and called through it.

Names of the fields: the specification, https://modelcontextprotocol.io/specification (Tools).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.messages.results import media_type_of
from bruno_llm.tools.definition import Tool
from bruno_llm.tools.errors import ToolError

if TYPE_CHECKING:
    from mcp import Client, ClientSession

__all__ = ["tools_from_mcp"]

_MAX_PAGES = 100


async def tools_from_mcp(
    session: Client | ClientSession,
    *,
    prefix: str = "",
    timeout: float | None = None,
    approve: bool = False,
) -> list[Tool]:
    """The tools of an MCP server, ready for ``run_tools()`` and its like.

    They keep the server's names; as of every tool, a name that a vendor would refuse is cleaned
    for the model alone. What the server reports as an error of a tool is told to the model. A
    result's texts are joined; its structured content counts where there is no text; images go to
    the models that take them, embedded resources as their text.

    Args:
        session: An open ``mcp.Client``, or an initialized ``mcp.ClientSession``; it has to stay
            open while the tools are used.
        prefix: Put before every name, where two servers have tools of one name.
        timeout: Seconds a call may take; the model is told when they are over.
        approve: A person has to agree before a call.

    Raises:
        ConfigurationError: The package ``mcp`` is absent or older than 2.2, or the server's list
            does not end.
        mcp.MCPError: The server cannot list its tools.
    """
    listed = await _listed(session)
    return [
        Tool.from_schema(
            prefix + tool.name,
            tool.description or tool.title or tool.name,
            {"type": "object", "properties": {}, **tool.input_schema},
            _caller(session, tool.name),
            timeout=timeout,
            approve=approve,
        )
        for tool in listed
    ]


async def _listed(session: Client | ClientSession) -> list[Any]:
    try:
        from mcp import Client
        from mcp_types import PaginatedRequestParams
    except ImportError as error:
        raise ConfigurationError(
            "tools of an MCP server need the package mcp, 2.2 or later",
            hint="pip install 'bruno-llm[mcp]'",
        ) from error
    # The client keeps a listing of its own; the session asks the server.
    lister = session.session if isinstance(session, Client) else session
    tools: list[Any] = []
    cursor = None
    for _ in range(_MAX_PAGES):
        page = await lister.list_tools(params=PaginatedRequestParams(cursor=cursor))
        tools.extend(page.tools)
        if page.next_cursor is None or page.next_cursor == cursor:
            return tools
        cursor = page.next_cursor
    raise ConfigurationError(f"the MCP server's list of tools has more than {_MAX_PAGES} pages")


def _caller(session: Client | ClientSession, name: str) -> Callable[..., Awaitable[Any]]:
    async def call(**arguments: Any) -> Any:
        return _result(await session.call_tool(name, arguments))

    return call


def _result(answer: Any) -> Any:
    """What ``tool_result()`` takes: a text, a JSON value, or these with images in a list.

    Raises:
        ToolError: The server says that the tool failed.
    """
    parts = [_part(block.model_dump(mode="json", by_alias=True)) for block in answer.content]
    texts = [part for part in parts if isinstance(part, str)]
    text = "\n".join(texts)
    if answer.is_error:
        raise ToolError(text or "the tool failed and does not say why")
    images = [part for part in parts if isinstance(part, bytes)]
    said = text if texts or answer.structured_content is None else answer.structured_content
    if not images:
        return said
    return [said, *images] if said != "" else images


def _part(block: Mapping[str, Any]) -> str | bytes:
    kind = block["type"]
    if kind == "text":
        return str(block["text"])
    if kind == "resource_link":
        about = f": {block['description']}" if block.get("description") else ""
        return f"{block['name']} ({block['uri']}){about}"
    if kind == "resource":
        resource = block["resource"]
        if "text" in resource:
            return str(resource["text"])
        return _read(resource["blob"], resource.get("mimeType"), resource["uri"])
    return _read(block["data"], block["mimeType"], kind)


def _read(encoded: str, media: str | None, what: str) -> str | bytes:
    """An image that models take, as its bytes; text in any other file; or what cannot be shown."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return f"({what}: broken base64)"
    if media_type_of(data).startswith("image/"):
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return f"({what}: {media or 'unknown type'}, {len(data):,} bytes, not shown)"

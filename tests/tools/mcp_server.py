"""An MCP server in a process of its own: ``python mcp_server.py usual|odd|endless|http FD``."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from typing import Any

import mcp_types as types
from mcp import stdio_server
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'

usual = MCPServer("usual", log_level="ERROR")


@usual.tool()
def capital(country: str) -> str:
    """The capital of a country."""
    capitals = {"Norway": "Oslo", "Sweden": "Stockholm"}
    if country not in capitals:
        raise ToolError(f"there is no country {country}")
    return capitals[country]


@usual.tool()
def population(city: str, year: int = 2026) -> dict[str, int]:
    """How many people live in a city."""
    return {city: 700_000 + year}


@usual.tool(structured_output=False)
def flag(country: str) -> list[Any]:
    """The flag of a country."""
    return [f"The flag of {country}:", Image(data=PNG, format="png")]


@usual.tool()
def leave() -> str:
    """End the server."""
    os._exit(3)


def block(kind: str, data: bytes, media: str) -> Any:
    encoded = base64.b64encode(data).decode()
    if kind == "blob":
        contents = types.BlobResourceContents(uri="file:///a.bin", mime_type=media, blob=encoded)
        return types.EmbeddedResource(resource=contents)
    if kind == "audio":
        return types.AudioContent(data=encoded, mime_type=media)
    return types.ImageContent(data=encoded, mime_type=media)


NOTES = types.TextResourceContents(uri="file:///notes.md", text="# Notes")
LINK = types.ResourceLink(name="report", uri="file:///r.pdf", description="The whole report.")
ODD: dict[str, types.CallToolResult] = {
    "notes.read": types.CallToolResult(content=[types.EmbeddedResource(resource=NOTES), LINK]),
    "notes/read": types.CallToolResult(content=[], structured_content={"read": True}),
    "notes_read": types.CallToolResult(content=[]),
    "2 pictures": types.CallToolResult(
        content=[block("image", PNG, "image/png"), block("blob", PNG, "image/png")],
        structured_content={"pictures": 2},
    ),
    "x" * 70: types.CallToolResult(content=[block("image", PNG, "image/png")]),
    "x" * 71: types.CallToolResult(content=[block("image", SVG, "image/svg+xml")]),
    "sound": types.CallToolResult(content=[block("audio", b"\xff\xfe" * 600, "audio/wav")]),
    "broken": types.CallToolResult(
        content=[types.ImageContent(data="not base64!", mime_type="image/png")]
    ),
    "fails": types.CallToolResult(content=[], is_error=True),
}


async def list_odd(_ctx: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    """One tool a page."""
    place = int(params.cursor) if params and params.cursor else 0
    name = list(ODD)[place]
    # No description, and a schema without properties.
    tool = types.Tool(name=name, title=f"Title of {name}", input_schema={"type": "object"})
    following = str(place + 1) if place + 1 < len(ODD) else None
    return types.ListToolsResult(tools=[tool], next_cursor=following)


async def call_odd(_ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    return ODD[params.name]


async def endless(_ctx: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    before = int(params.cursor) if params and params.cursor else 0
    return types.ListToolsResult(tools=[], next_cursor=str(before + 1))


def odd() -> Server[Any]:
    return Server("odd", on_list_tools=list_odd, on_call_tool=call_odd)


def without_end() -> Server[Any]:
    return Server("endless", on_list_tools=endless)


async def serve(server: Server[Any]) -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    kind = sys.argv[1]
    if kind == "http":
        import uvicorn

        uvicorn.run(usual.streamable_http_app(), fd=int(sys.argv[2]), log_level="error")
    elif kind == "usual":
        usual.run("stdio")
    elif kind == "odd":
        asyncio.run(serve(odd()))
    else:
        asyncio.run(serve(without_end()))

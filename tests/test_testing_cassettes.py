"""Cassettes and their pytest fixture, against a real server on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import yaml

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing.cassettes import (
    CassetteError,
    UnrecordedRequestError,
    find_orphans,
    find_secrets,
    use_cassette,
)

pytest_plugins = ["pytester"]

KEY = "local-key-0123456789"
SSE = 'data: {"text": "Café 🙂"}\n\ndata: {"text": "\u2028 odd\x85breaks"}\n\ndata: [DONE]\n\n'


class Handler(BaseHTTPRequestHandler):
    """Answers every path; the path says how."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        kind, encoding = "application/json", ""
        answer = json.dumps({"got": len(body)}).encode()
        if self.path.startswith("/stream"):
            kind, answer = "text/event-stream", SSE.encode()
        elif self.path.startswith("/echo-key"):
            answer = json.dumps({"error": f"bad key {self.headers['authorization'][7:]}"}).encode()
        elif self.path.startswith("/leak"):
            answer = b'{"key": "AIza' + b"a" * 35 + b'"}'
        elif self.path.startswith("/gzip"):
            encoding, answer = "gzip", gzip.compress(answer)
        elif self.path.startswith("/odd"):
            encoding = "unknown"
        elif self.path.startswith("/binary"):
            kind, answer = "application/octet-stream", b"\xff\xfe\x00"
        self.send_response(200, "OK")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Retry-After", "3")
        self.send_header("X-RateLimit-Remaining-Tokens", "99")
        self.send_header("OpenAI-Organization", "org-of-someone")
        self.send_header("Set-Cookie", "session=abc")
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test_module" / "test_case.yaml"


Ask = Callable[..., httpx.Response]
ELSEWHERE = "http://127.0.0.1:9"  # nothing listens there: a replay must not need it


def ask(base: str, where: str = "/v1/chat", text: str = "hello", **more: Any) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    headers = {"authorization": f"Bearer {KEY}", "x-stainless-os": "Linux", "x-api-key": KEY}
    return httpx.post(base + where, json=body, headers=headers)


def record(path: Path, server: str, *where: str) -> str:
    with use_cassette(path, record=True, recorded_from="test server 1.0"):
        for one in where or ("/v1/chat",):
            ask(server, one)
    return path.read_text("utf-8")


def test_a_recording_is_replayed_without_the_server(path: Path, server: str) -> None:
    with use_cassette(path, record=True) as tape:
        assert tape.recording
        tape.recorded_from = "test server 1.0"
        first = ask(server)
    with use_cassette(path) as tape:
        assert not tape.recording
        assert tape.recorded_from == "test server 1.0"
        again = ask(ELSEWHERE)
    assert again.json() == first.json()
    assert again.headers["retry-after"] == "3"
    assert again.headers["x-ratelimit-remaining-tokens"] == "99"


def test_the_file_is_readable_and_names_its_server_first(path: Path, server: str) -> None:
    text = record(path, server)
    assert text.startswith("recorded_from: test server 1.0\n")
    assert '    body: |\n      {\n        "messages": [\n' in text
    assert "uri: http://127.0.0.1/v1/chat" in text
    assert path.stat().st_mode & 0o777 == 0o644


def test_no_key_and_no_account_reaches_the_file(path: Path, server: str) -> None:
    text = record(path, server, f"/v1/chat?key={KEY}&alt=sse", "/echo-key")
    assert KEY not in text
    assert "bad key [redacted]" in text
    assert "alt=sse" in text
    for header in ("authorization", "x-api-key", "x-stainless", "openai-organization", "cookie"):
        assert header not in text.lower()
    with use_cassette(path):  # another key, or none, is the same request
        httpx.post(
            f"{ELSEWHERE}/v1/chat?alt=sse&key=other", json=json.loads(first_body(path)), timeout=5
        )
        ask(ELSEWHERE, "/echo-key")


def first_body(path: Path) -> str:
    body: str = yaml.safe_load(path.read_text("utf-8"))["interactions"][0]["request"]["body"]
    return body


def test_a_secret_that_is_still_there_is_refused_and_nothing_written(
    path: Path, server: str
) -> None:
    with pytest.raises(CassetteError, match="a Google key"):
        record(path, server, "/leak")
    assert not path.parent.exists()
    # Nothing of vcrpy is left in place: the next request is a real one.
    assert ask(server).json()["got"] > 0
    assert "vcr" not in httpx.HTTPTransport.handle_request.__code__.co_filename


def test_streams_and_odd_characters_come_back_byte_for_byte(path: Path, server: str) -> None:
    record(path, server, "/stream", "/binary")
    with use_cassette(path):
        assert ask(ELSEWHERE, "/stream").text == SSE
        assert ask(ELSEWHERE, "/binary").content == b"\xff\xfe\x00"


def test_compressed_answers_are_stored_as_text(path: Path, server: str) -> None:
    assert '{"got":' in record(path, server, "/gzip")
    with use_cassette(path):
        assert ask(ELSEWHERE, "/gzip").json()["got"] > 0


def test_an_unknown_compression_is_refused(path: Path, server: str) -> None:
    with pytest.raises(CassetteError, match="cannot decompress"):
        record(path, server, "/odd")


async def test_aiohttp_and_a_body_that_is_not_called_json_work_too(path: Path, server: str) -> None:
    async def send(base: str, body: bytes) -> Any:
        async with aiohttp.ClientSession() as session, session.post(base, data=body) as answer:
            return await answer.json(content_type=None)

    with use_cassette(path, record=True, recorded_from="test server 1.0"):
        first = await send(f"{server}/api/chat", b'{"b": 1, "a": [2]}')
    with use_cassette(path):
        assert await send(f"{ELSEWHERE}/api/chat", b'{"a":[2],"b":1}') == first


def test_a_body_that_is_no_json_is_compared_as_it_is(path: Path, server: str) -> None:
    with use_cassette(path, record=True, recorded_from="test server 1.0"):
        httpx.post(f"{server}/v1/x", content=b"plain words")
    with use_cassette(path):
        httpx.post(f"{ELSEWHERE}/v1/x", content=b"plain words")
    with (
        pytest.raises(UnrecordedRequestError, match=r"-plain words\n\+other words"),
        use_cassette(path),
    ):
        httpx.post(f"{ELSEWHERE}/v1/x", content=b"other words")


def test_a_changed_prompt_fails_with_a_diff(path: Path, server: str) -> None:
    record(path, server)
    with pytest.raises(UnrecordedRequestError) as caught, use_cassette(path):
        ask(ELSEWHERE, text="goodbye")
    text = str(caught.value)
    assert '-      "content": "hello",\n+      "content": "goodbye",' in text
    assert "recorded from test server 1.0" in text
    assert "pytest --record-cassettes" in text
    assert KEY not in text


def post(base: str, where: str, body: Any) -> None:
    httpx.post(base + where, json=body, timeout=5)


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        # A UUID, with dashes and without, and 28 digits of one.
        ("call_{0}", "call_{1}", "call_[id 1]"),
        (f"{uuid.UUID(int=5 << 96)}", f"{uuid.UUID(int=6 << 96)}", "[id 1]"),
        ("{0:.28}", "{1:.28}", "[id 1]"),
    ],
)
def test_random_ids_are_numbered(path: Path, server: str, one: str, other: str, shown: str) -> None:
    digits = "0123456789abcdef" * 2, "fedcba9876543210" * 2

    def body(name: str) -> dict[str, Any]:
        return {"calls": [{"id": name.format(*digits)}], "tool_call_id": name.format(*digits)}

    with use_cassette(path, record=True, recorded_from="x 1"):
        post(server, "/v1/chat", body(one))
    assert path.read_text().count(shown) == 2
    with use_cassette(path):
        post(ELSEWHERE, "/v1/chat", body(other))
    # The two were one id; two that differ are another request.
    mixed = {**body(other), "tool_call_id": digits[0]}
    with pytest.raises(UnrecordedRequestError, match=r"\[id 2\]"), use_cassette(path):
        post(ELSEWHERE, "/v1/chat", mixed)


GEMINI = "/v1beta/models/gemini-3-x:generateContent"


@pytest.mark.parametrize(
    ("where", "one", "other"),
    [
        (GEMINI, {"generationConfig": {"temperature": 1.0}}, {}),
        (
            GEMINI,
            {"generationConfig": {"temperature": 1, "top_p": 1}},
            {"generationConfig": {"top_p": 1}},
        ),
        (
            "/api/chat",
            {"messages": [{"tool_calls": [{"name": "f", "id": "a"}]}]},
            {"messages": [{"tool_calls": [{"name": "f"}]}]},
        ),
    ],
)
def test_what_only_some_releases_of_litellm_send_does_not_matter(
    path: Path, server: str, where: str, one: Any, other: Any
) -> None:
    with use_cassette(path, record=True, recorded_from="x 1"):
        post(server, where, one)
        post(server, where, other)
    with use_cassette(path):
        post(ELSEWHERE, where, other)
        post(ELSEWHERE, where, one)


@pytest.mark.parametrize(
    ("where", "one", "other"),
    [
        ("/v1/chat", {"generationConfig": {"temperature": 1}}, {}),
        (GEMINI, {"generationConfig": {"temperature": 0.5}}, {}),
        (GEMINI, {"generationConfig": 1}, {"generationConfig": 2}),
        ("/api/chat", {"messages": ["a"]}, {"messages": ["b"]}),
        ("/api/chat", {"messages": "a"}, {"messages": "b"}),
        ("/api/chat", ["a"], ["b"]),
    ],
)
def test_everything_else_does_matter(
    path: Path, server: str, where: str, one: Any, other: Any
) -> None:
    with use_cassette(path, record=True, recorded_from="x 1"):
        post(server, where, one)
    with pytest.raises(UnrecordedRequestError), use_cassette(path):
        post(ELSEWHERE, where, other)


def test_the_diff_is_against_the_closest_request_not_yet_played(path: Path, server: str) -> None:
    with use_cassette(path, record=True, recorded_from="test server 1.0"):
        ask(server, "/v1/other", tools=[{"name": "x"}])
        ask(server, text="hello")
    with pytest.raises(UnrecordedRequestError) as caught, use_cassette(path):
        ask(ELSEWHERE, text="hello!")
    assert "/v1/other" not in str(caught.value)


@pytest.mark.parametrize("where", ["/v1/other", "/v1/chat?beta=true"])
def test_another_path_or_query_is_another_request(path: Path, server: str, where: str) -> None:
    record(path, server)
    with (
        pytest.raises(UnrecordedRequestError, match=re.escape(f"+POST {where}")),
        use_cassette(path),
    ):
        ask(ELSEWHERE, where)


def test_a_request_is_played_once(path: Path, server: str) -> None:
    record(path, server)
    with (
        pytest.raises(UnrecordedRequestError, match="all of its 1 requests were already played"),
        use_cassette(path),
    ):
        ask(ELSEWHERE)
        ask(ELSEWHERE)


def test_code_that_catches_everything_cannot_hide_it(path: Path, server: str) -> None:
    record(path, server)
    with pytest.raises(CassetteError, match='"goodbye"'), use_cassette(path):
        try:
            ask(ELSEWHERE, text="goodbye")
        except BaseException:
            ask(ELSEWHERE)


def test_a_partly_played_cassette_fails(path: Path, server: str) -> None:
    record(path, server, "/v1/one", "/v1/two")
    with (
        pytest.raises(CassetteError, match=r"1 of 2 requests were never sent:\n  POST /v1/two"),
        use_cassette(path),
    ):
        ask(ELSEWHERE, "/v1/one")


def test_a_failing_test_is_not_told_of_the_rest(path: Path, server: str) -> None:
    record(path, server)
    with pytest.raises(ZeroDivisionError), use_cassette(path):
        _ = 1 / 0
    with use_cassette(path) as tape:
        tape.abandon()


def test_nothing_is_saved_when_an_exception_passes(path: Path, server: str) -> None:
    def fail() -> None:
        with use_cassette(path, record=True, recorded_from="x"):
            ask(server)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with use_cassette(path, record=True, recorded_from="x") as tape:
        ask(server)
        tape.abandon()
    assert not path.exists()


def test_recording_again_replaces_what_was_there(path: Path, server: str) -> None:
    record(path, server, "/v1/one", "/v1/two")
    record(path, server, "/v1/three")
    with use_cassette(path) as tape:
        assert repr(tape) == f"Tape({str(path)!r}, recording=False)"
        ask(ELSEWHERE, "/v1/three")


def test_a_recording_must_name_its_server_and_hold_something(path: Path, server: str) -> None:
    with pytest.raises(CassetteError, match="recorded_from"), use_cassette(path, record=True):
        ask(server)
    with (
        pytest.raises(CassetteError, match="no request was sent"),
        use_cassette(path, record=True, recorded_from="x"),
    ):
        pass
    assert not path.exists()


def test_a_missing_cassette_says_how_to_record_it(path: Path) -> None:
    with pytest.raises(CassetteError, match="pytest --record-cassettes"), use_cassette(path):
        pass


@pytest.mark.parametrize(
    "text",
    ["", "[", "recorded_from: x\n", "recorded_from: ''\ninteractions: []\n", "interactions: []\n"],
)
def test_a_broken_cassette_is_reported(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(CassetteError, match="is not a cassette"), use_cassette(path):
        pass


def test_nothing_else_reaches_the_network_during_replay(path: Path, server: str) -> None:
    record(path, server)
    port = int(server.rpartition(":")[2])

    def connect() -> None:
        socket.create_connection(("127.0.0.1", port))

    def connect_raw() -> None:
        with socket.socket() as sock:
            sock.connect(("127.0.0.1", port))

    def connect_ex() -> None:
        with socket.socket() as sock:
            sock.connect_ex(("127.0.0.1", port))

    for way in (connect, connect_raw, connect_ex):
        with pytest.raises(UnrecordedRequestError, match=r"127\.0\.0\.1"), use_cassette(path):
            way()
    connect_raw()


def test_unix_sockets_and_event_loops_still_work_during_replay(path: Path, server: str) -> None:
    record(path, server)
    listener = socket.socket(socket.AF_UNIX)
    with listener, socket.socket(socket.AF_UNIX) as client, use_cassette(path):
        listener.bind(str(path.parent / "sock"))
        listener.listen()
        client.connect(str(path.parent / "sock"))
        asyncio.run(asyncio.sleep(0))
        ask(ELSEWHERE)


def test_without_vcrpy_it_says_what_to_install(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "vcr"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "bruno_llm.testing.cassettes._vcr", raising=False)
    monkeypatch.delattr("bruno_llm.testing.cassettes._vcr", raising=False)
    monkeypatch.setitem(sys.modules, "vcr", None)
    with (
        pytest.raises(ConfigurationError, match=r"pip install 'bruno-llm\[testing\]'"),
        use_cassette(path),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("key sk-proj-" + "a1B2" * 6, "OpenAI"),
        ("sk-ant-api03-" + "a1B2" * 6, "Anthropic"),
        ("AIza" + "x" * 35, "Google"),
        ("gsk_" + "a" * 24, "vendor's token"),
        ("AKIA" + "ABCD" * 4, "AWS"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.sig", "JSON web token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private key"),
        ("Authorization = bearer abcdefghijklmnop", "bearer"),
        ("x-api-key: abc", "names an account"),
        ("https://x.test/v1?key=abcdefghij", "query"),
        ("in organization org-" + "a1" * 12, "organization"),
        (f"model: {Path.home()}/models/x.gguf", "home directory"),
    ],
)
def test_secrets_are_found_and_not_repeated(text: str, what: str) -> None:
    (found,) = [one for one in find_secrets(f"first line\n{text}\n") if what in one]
    assert found.startswith("line 2: ")
    assert text not in found


def test_the_values_of_key_variables_are_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_VENDOR_API_KEY", "odd-form-of-a-key")
    assert find_secrets("x odd-form-of-a-key x") == ["line 1: the value of $SOME_VENDOR_API_KEY"]


def test_ordinary_text_is_no_secret() -> None:
    text = "ask-me sk-test org-chart Bearer [redacted] ?key=[redacted] task-force-" + "a" * 30
    assert find_secrets(text) == []


def test_orphans_are_cassettes_without_their_test(tmp_path: Path) -> None:
    tests = tmp_path / "tests" / "deep"
    tests.mkdir(parents=True)
    (tests / "test_a.py").write_text(
        "def test_one(): ...\nasync def test_two(): ...\nclass TestX:\n    def test_y(self): ...\n"
    )
    cassettes = tmp_path / "cassettes"
    for name in ("test_a/test_one", "test_a/test_two[p-1]", "test_a/TestX.test_y"):
        (cassettes / name).parent.mkdir(parents=True, exist_ok=True)
        (cassettes / f"{name}.yaml").touch()
    assert find_orphans(cassettes, tests.parent) == []
    gone = [cassettes / "test_a" / "test_gone.yaml", cassettes / "test_b" / "test_one.yaml"]
    for path in gone:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert find_orphans(cassettes, tests.parent) == gone


TEST_FILE = """
    import httpx, pytest

    def ask(cassette, text):
        base = "{server}" if cassette.recording else "http://127.0.0.1:9"
        if cassette.recording:
            cassette.recorded_from = "test server 1.0"
        return httpx.post(base + "/v1/chat", json=dict(text=text)).json()

    @pytest.mark.parametrize("text", ["a", "b/c"])
    def test_one(cassette, text):
        assert ask(cassette, text)["got"] > 0

    class TestGroup:
        async def test_two(self, cassette):
            assert ask(cassette, "two")["got"] > 0

    def test_unrelated():
        pass
"""


@pytest.fixture
def empty_project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    return pytester


@pytest.fixture
def project(empty_project: pytest.Pytester, server: str) -> pytest.Pytester:
    pytester = empty_project
    pytester.makepyfile(test_it=TEST_FILE.format(server=server))
    return pytester


def test_the_fixture_records_and_replays(project: pytest.Pytester) -> None:
    project.runpytest("--record-cassettes").assert_outcomes(passed=3, deselected=1)
    names = {path.name for path in project.path.glob("cassettes/test_it/*")}
    assert names == {"test_one[a].yaml", "test_one[b-c].yaml", "TestGroup.test_two.yaml"}
    project.runpytest().assert_outcomes(passed=4)


def test_the_fixture_fails_without_a_cassette(project: pytest.Pytester) -> None:
    result = project.runpytest()
    result.assert_outcomes(passed=1, errors=3)
    result.stdout.fnmatch_lines(["*there is no cassette *test_one[[]a[]].yaml*"])


def test_the_fixture_shows_the_diff_once(project: pytest.Pytester) -> None:
    project.runpytest("--record-cassettes", "-k", "test_two").assert_outcomes(
        passed=1, deselected=3
    )
    source = project.path / "test_it.py"
    source.write_text(source.read_text().replace('"two"', '"three"'))
    result = project.runpytest("-k", "test_two")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["*-*two*", "*+*three*"])


def test_a_failed_test_keeps_the_cassette_it_had(project: pytest.Pytester) -> None:
    project.runpytest("--record-cassettes").assert_outcomes(passed=3, deselected=1)
    before = {path: path.read_bytes() for path in project.path.glob("cassettes/*/*")}
    source = project.path / "test_it.py"
    source.write_text(source.read_text().replace('["got"] > 0', '["got"] > 999'))
    project.runpytest("--record-cassettes").assert_outcomes(failed=3, deselected=1)
    assert {path: path.read_bytes() for path in project.path.glob("cassettes/*/*")} == before


def test_the_directory_can_be_set(project: pytest.Pytester) -> None:
    ini = project.path / "tox.ini"
    ini.write_text(ini.read_text() + "\ncassette_dir = tapes/http\n")
    project.runpytest("--record-cassettes").assert_outcomes(passed=3, deselected=1)
    assert (project.path / "tapes/http/test_it/TestGroup.test_two.yaml").is_file()


def test_a_parameter_that_is_gone_leaves_an_orphan(empty_project: pytest.Pytester) -> None:
    pytester = empty_project
    skipped = "import pytest\n@pytest.mark.skip\n"
    pytester.makepyfile(
        test_it=f"{skipped}@pytest.mark.parametrize('p', 'a')\ndef test_one(cassette, p): ...",
        test_orphans="def test_none(orphan_cassettes): print(*(p.name for p in orphan_cassettes))",
    )
    for name in ("test_one[a]", "test_one[b]", "test_one", "test_gone[a]"):
        path = pytester.path / "cassettes" / "test_it" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    whole = pytester.runpytest("-s")
    whole.stdout.fnmatch_lines(["*test_gone[[]a[]].yaml test_one.yaml test_one[[]b[]].yaml*"])
    # A run of chosen tests cannot tell which parameters there are.
    chosen = pytester.runpytest("-s", "test_orphans.py")
    chosen.stdout.fnmatch_lines(["*test_gone[[]a[]].yaml*"])
    chosen.stdout.no_fnmatch_line("*test_one*")


def test_the_plugin_costs_a_project_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, pytest\n"
        "pytest.main(['--collect-only', '-q', '-p', 'no:cacheprovider', '--help'])\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "assert 'bruno_llm.testing.pytest_plugin' in sys.modules\n"
        "print('LOADED', sorted(names & {'litellm', 'vcr', 'bruno_core', 'httpx', 'pydantic'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "--record-cassettes" in done.stdout
    assert "LOADED []" in done.stdout

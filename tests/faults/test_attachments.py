"""A path that leads to no file: nothing hangs, and nothing fills the memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import InvalidRequestError, file_message, image_message
from bruno_llm.tokens import vocabulary

WAYS: list[Callable[..., Any]] = [image_message, file_message]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("attach", WAYS)
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(attach: Any, tmp_path: Path) -> None:
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    for source in (path, str(path)) if attach is image_message else (path,):
        with pytest.raises(InvalidRequestError, match=r"pipe\.png: it is not a regular file"):
            attach("see", source)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
@pytest.mark.parametrize("attach", WAYS)
def test_a_device_without_end_is_not_read(attach: Any, tmp_path: Path) -> None:
    path = tmp_path / "zero.png"
    path.symlink_to("/dev/zero")
    with pytest.raises(InvalidRequestError, match=r"zero\.png: it is not a regular file"):
        attach("see", path)


@pytest.mark.parametrize("attach", WAYS)
def test_a_folder_is_no_file(attach: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="cannot read"):
        attach("see", tmp_path)


@pytest.mark.parametrize("attach", WAYS)
@pytest.mark.covering(0)
def test_a_file_that_no_vendor_takes_is_refused(attach: Any, tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate((100 << 20) + 1)
    with pytest.raises(InvalidRequestError, match=r"huge\.png: it is larger than 100 MB"):
        attach("see", path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_users_cache_of_vocabularies_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = vocabulary._VOCABULARIES["cl100k_base"]
    os.mkfifo(tmp_path / file)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)  # litellm's own is not there
    assert vocabulary._vocabulary_folder("cl100k_base") is None

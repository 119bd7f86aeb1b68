"""Run llama.cpp's own HTTP server until standard input ends: the child process of ``Engine``.

Settings come as one line of JSON on standard input, which keeps a key out of the process list.
The server's address goes to standard output as soon as it listens.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Serve; never returns."""
    import xllamacpp

    settings = json.loads(sys.stdin.readline())
    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {"tiny"}  # or answers would name the file
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel = settings["ctx"], settings["slots"]
    params.cpuparams.n_threads = 1  # of so small a model two would only wait for each other
    params.warmup, params.endpoint_slots, params.endpoint_metrics = False, True, True
    if settings["key"]:
        params.api_keys = [settings["key"]]
    if settings["embed"]:
        # No prompt cache: a reused prefix spoils a pooled vector.
        params.embedding, params.cache_prompt = True, False
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    # The pipe also ends when the parent is killed, so no server is ever left behind.
    sys.stdin.read()
    # A regular exit waits for the server's threads, which can hang.
    os._exit(0)


if __name__ == "__main__":
    main()

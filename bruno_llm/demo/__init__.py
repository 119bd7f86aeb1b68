"""A real model server that needs no key and no download: what ``bruno-llm demo`` talks to."""

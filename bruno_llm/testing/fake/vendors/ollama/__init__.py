"""Ollama: its own API."""

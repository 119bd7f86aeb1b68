"""Ollama: models on this machine or in this network."""

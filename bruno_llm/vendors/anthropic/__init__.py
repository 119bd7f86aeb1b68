"""Anthropic: the Claude models."""

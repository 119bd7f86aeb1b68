"""Mistral AI: La Plateforme, in OpenAI's format with differences of its own."""

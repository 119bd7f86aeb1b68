"""OpenAI: chat completions and responses."""

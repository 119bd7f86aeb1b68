"""The one place that holds the version; pyproject.toml and ``bruno_llm.__version__`` read it."""

__version__ = "0.3.0"

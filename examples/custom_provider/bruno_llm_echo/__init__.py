"""Example providers for bruno-llm."""

"""OpenAI's models at Microsoft Azure."""

"""Google: the Gemini models, by the API of AI Studio."""

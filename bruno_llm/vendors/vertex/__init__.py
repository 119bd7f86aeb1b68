"""Google's Vertex AI, where models of several vendors run."""

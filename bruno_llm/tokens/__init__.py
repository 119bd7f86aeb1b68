"""Counting tokens offline: the counter, vocabularies, and what the rules of a vendor can say."""

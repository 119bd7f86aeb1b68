"""The named providers: one vendor each, declared, not coded."""

"""Options: what a call and a constructor may carry, within which limits, and the check of it."""

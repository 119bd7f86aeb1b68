"""What may be set on a call: how often it is tried, how long it lasts, what is kept or cut."""

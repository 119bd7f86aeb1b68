"""The vendors that the fake server plays: a folder or a file each, listed in `registry.py`."""

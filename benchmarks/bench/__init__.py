"""The parts of ``table.py``: a lean server, a process for each contender, rounds, a table."""

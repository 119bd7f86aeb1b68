"""What is measured, one subject a file.

``cases(brief)`` gives the rows and how they come about; ``sample(contender, ...)`` is what is done
in the contender's process and gives a number for each measure. In the base unit: seconds, MB.
"""

SUBJECTS = (
    "start",
    "call",
    "history",
    "chunk",
    "ends",
    "streams",
    "crowd",
    "keepalive",
    "timeouts",
    "memory",
)

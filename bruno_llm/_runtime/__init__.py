"""Of the process, not of any call: its event loops, its forks, where its events are told."""

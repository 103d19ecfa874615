"""The demo: one update that succeeds and one that falls back, on the desk, from end to end."""

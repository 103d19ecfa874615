"""make bench: every published figure, measured in one run and written to docs/figures.md."""

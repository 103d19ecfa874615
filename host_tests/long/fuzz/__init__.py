"""Hostile inputs, thousands a target: `make fuzz`, and a few hundred in `make test`."""

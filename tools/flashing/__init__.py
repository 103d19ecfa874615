"""What tools/flash.py does, one module a verb (`*_verb.py`, `device_*.py`) and what they share."""

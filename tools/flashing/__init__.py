"""What tools/flash.py does: a module a verb in verbs/, and what they share."""

"""Text of strangers, for people's eyes."""

from __future__ import annotations


def shown(text: str) -> str:
    """The text with U+FFFD for what is no letter, digit, mark or space.

    User names, topics and paths come from strangers: none of them may talk to the terminal, or
    turn the line around in which it stands.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)

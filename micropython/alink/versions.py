# Which texts the platform takes as a version, or as a module's name. MIT licence.

_MARKS = ".-_"


def valid(version):
    """Whether `version` is 1 to 64 letters, digits, `.-_` ("OTA updates", 89307)."""
    if not isinstance(version, str) or not 0 < len(version) <= 64:
        return False
    for letter in version:
        # isalpha() alone would take letters of other alphabets on some ports.
        if not (letter in _MARKS or (letter < "\x80" and (letter.isalpha() or letter.isdigit()))):
            return False
    return True

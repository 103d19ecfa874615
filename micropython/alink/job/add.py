# The sums of a difference. MIT licence.


def add(into, what, n):
    """Add what[:n] to into[:n], byte by byte, modulo 256."""
    for i in range(n):
        into[i] = (into[i] + what[i]) & 255

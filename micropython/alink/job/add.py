# The sums of a difference. MIT licence.
#
# An image has it a second time, as viper.mpy, in machine code for its chip: see
# tools/images/machine.py. Which of both a board takes, packed.py says.


def add(into, what, n):
    """Add what[:n] to into[:n], byte by byte, modulo 256."""
    for i in range(n):
        into[i] = (into[i] + what[i]) & 255

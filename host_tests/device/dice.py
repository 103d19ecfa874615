# Numbers at random that are the same for the same seed. MIT licence.


class Dice:
    """The same numbers for the same seed."""

    def __init__(self, seed):
        self.n = seed

    def __call__(self, sides):
        self.n = (self.n * 1103515245 + 12345) & 0x3FFFFFFF
        return (self.n >> 12) % sides

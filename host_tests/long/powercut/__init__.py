"""Power cuts, exhaustively: one update recorded, cut at each of its flash operations, recovered.

recording.py plays an update once and keeps flash, operations and the cloud's states; cuts.py makes
the flash of any instant out of that; recovery.py switches a board on with it; oracle.py says what
is wrong with what came of it; runner.py does so for every cut, seeded.py for code with bugs. For a
module that is a set of files (sets.py) files_oracle.py says it.
"""

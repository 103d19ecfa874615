# The file the boot ROM makes the interpreter run. MIT licence.
# argv: the file with the settings.

import gc
import sys

# On a chip none of what is loaded now is in the heap: in a small one it is to lie close together,
# without holes in which nothing of a program's finds room. (In a large one that would take time.)
if gc.mem_free() < 512 * 1024:
    gc.threshold(2048)

from simchip import start

start.main(sys.argv[1], globals())

# The file the boot ROM makes the interpreter run. MIT licence.
# argv: the file with the settings.

import sys

from simchip import start

start.main(sys.argv[1], globals())

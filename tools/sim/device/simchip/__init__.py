# The chip behind the modules of this folder: flash rules, control line to the boot ROM, formats.
# MIT licence.

# What the codes of an image, a package, a set of files mean: see __init__.py. MIT licence.

TABLE = """
60 digest -3 the file is not what the job promised: upload the package again
61 read-back -4 flash does not hold what was written: the chip may be worn out
62 image-magic -3 not an ESP32 app image: build one with image.py
63 image-merged -3 merged firmware: build a release with image.py
64 image-chip -3 image is for another chip: check the package's product
65 image-segments -3 the image head is damaged: build it again
66 too-large -1 the image does not fit the slot
67 boot-refused -3 the boot check failed: image damaged or not bootable
68 signature -3 not signed with this board's key: use image.py sign
69 no-application -3 a firmware alone: build a release, with the application
70 archive -3 not an archive this board can unpack: use image.py files
71 member -3 not a file this board unpacks: use image.py files
72 too-many -3 beyond the board's limits: send fewer or smaller files
73 package -3 damaged, or made by other means: use image.py pack
"""

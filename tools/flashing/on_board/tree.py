# What is below the folders of ROOTS: one line of JSON, {path: sha256 in hex}. MIT licence.
# ROOTS is assigned by whoever sends this; a folder that is not there is empty.
# ruff: noqa: F821

import binascii
import hashlib
import json
import os


def digest(path):
    total = hashlib.sha256()
    buf = bytearray(512)
    with open(path, "rb") as f:
        while True:
            n = f.readinto(buf)
            if not n:
                break
            total.update(memoryview(buf)[:n])
    return binascii.hexlify(total.digest()).decode()


def walk(folder, found):
    try:
        entries = list(os.ilistdir(folder))
    except OSError:
        return
    for entry in entries:
        path = folder + "/" + entry[0]
        if entry[1] & 0x4000:
            found[path + "/"] = ""
            walk(path, found)
        else:
            found[path] = digest(path)


found = {}
for root in ROOTS:
    walk(root, found)
print(json.dumps(found))

# bench: an updater of one requests.get(...).content. MIT licence.

import hashlib

import esp32
import network  # noqa: F401
import requests

nvs = esp32.NVS("alink")
buf = bytearray(1024)
url = str(bytes(buf[: nvs.get_blob("url", buf)]), "utf-8")
part = esp32.Partition(esp32.Partition.RUNNING).get_next_update()
content = requests.get(url).content
hashlib.md5(content).digest()
view = memoryview(content)
chunk = bytearray(4096)
for block in range((len(content) + 4095) // 4096):
    piece = view[block * 4096 : (block + 1) * 4096]
    chunk[: len(piece)] = piece
    part.writeblocks(block, chunk)
part.set_boot()
print("bench done", block)

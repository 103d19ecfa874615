# bench: the least an updater can be: readinto, md5, writeblocks, set_boot. MIT licence.

import hashlib
import socket

import esp32
import network  # noqa: F401

nvs = esp32.NVS("alink")
buf = bytearray(1024)
url = str(bytes(buf[: nvs.get_blob("url", buf)]), "utf-8")
ca = bytes(buf[: nvs.get_blob("ca", buf)])
host, _, path = url.split("://")[1].partition("/")
name, _, port = host.partition(":")
sock = socket.socket()
sock.connect(socket.getaddrinfo(name, int(port))[0][-1])
if url.startswith("https:"):
    import tls

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    context.load_verify_locations(ca)
    sock = context.wrap_socket(sock, server_hostname=name)
sock.write(b"GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n" % (path.encode(), host.encode()))
left = 0
while True:
    line = sock.readline()
    if line == b"\r\n":
        break
    if line.lower().startswith(b"content-length:"):
        left = int(line.split()[1])
part = esp32.Partition(esp32.Partition.RUNNING).get_next_update()
md5 = hashlib.md5()
chunk = bytearray(4096)
block = 0
view = memoryview(chunk)
while left:
    piece = view[: min(left, 4096)]
    n = sock.readinto(piece)
    md5.update(piece)
    part.writeblocks(block, chunk)
    block += 1
    left -= n
part.set_boot()
print("bench done", block)

# tls whose contexts and sessions take memory of the IDF heap, and fail as mbedTLS does without.
# MIT licence.
#
# Sessions are the interpreter's own objects. Where one is made without a handshake and the memory
# would not do for it, the stream below it fails with the first byte that is written.

import errno
import io

import tls as _tls
from tls import *

from simchip import board_tls, chip_gc, heap, idf

_NO_ENTROPY = 52  # what a context says when there is nothing left at all
_X509_ALLOC_FAILED = -0x2880


class SSLContext:
    """A context; what it and its certificates take is given back when it is collected."""

    def __init__(self, protocol):
        if not idf.need(idf.CONTEXT):
            raise OSError(_NO_ENTROPY)
        self._real = _tls.SSLContext(protocol)
        board_tls.watch(self._real)
        self._taken = idf.track(self._real, idf.CONTEXT)
        heap.refresh()

    @property
    def verify_mode(self):
        return self._real.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._real.verify_mode = mode

    @property
    def verify_callback(self):
        return self._real.verify_callback

    @verify_callback.setter
    def verify_callback(self, callback):
        self._real.verify_callback = callback

    def get_ciphers(self):
        return self._real.get_ciphers()

    def set_ciphers(self, ciphers):
        self._real.set_ciphers(ciphers)

    def load_cert_chain(self, certificate, key):
        self._real.load_cert_chain(certificate, key)

    def load_verify_locations(self, cadata):
        size = idf.certificate(cadata, self._taken[2] == idf.CONTEXT)
        if not idf.need(size):
            raise ValueError("invalid cert")
        self._real.load_verify_locations(cadata)
        self._taken[2] += size
        idf.note()
        heap.refresh()

    def wrap_socket(
        self, sock, *, server_side=False, server_hostname=None, do_handshake_on_connect=True
    ):
        heap.refresh()
        wanting = idf.session_fits()
        if wanting is not None:
            chip_gc.collect()  # as modtls does, once
            wanting = idf.session_fits()
        if wanting is None:
            made = self._real.wrap_socket(
                sock,
                server_side=server_side,
                server_hostname=server_hostname,
                do_handshake_on_connect=do_handshake_on_connect,
            )
            idf.note(idf.SESSION + idf.HANDSHAKE)
            idf.track(made, idf.SESSION, not do_handshake_on_connect)
            heap.refresh()
            return made
        if not idf.need(idf.BUFFERS, idf.BUFFER):
            raise OSError(errno.ENOMEM)
        if not do_handshake_on_connect:
            return self._real.wrap_socket(
                _Starved(sock, wanting),
                server_hostname=server_hostname,
                do_handshake_on_connect=False,
            )
        if wanting == errno.ENOMEM:
            raise OSError(_X509_ALLOC_FAILED, "MBEDTLS_ERR_X509_ALLOC_FAILED")
        raise OSError(wanting)


class _Starved(io.IOBase):
    # The stream below a session whose handshake will not have the memory it needs.

    def __init__(self, sock, number):
        self._sock = sock
        self._number = number

    def write(self, data):
        return -self._number

    def readinto(self, data):
        return -self._number

    def ioctl(self, request, arg):
        if request == 4:
            self._sock.close()
        return 0

    def setblocking(self, flag):
        self._sock.setblocking(flag)

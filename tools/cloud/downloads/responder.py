"""The bent download server: a small HTTP/1.1 responder that puts faults on the wire.

It sends what uvicorn refuses to send: a length that is wrong, a body that is cut or stalls, drips
and pieces of odd size, header names in another case.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from http import HTTPStatus

from tools.cloud.downloads.answers import Answer, Downloads
from tools.cloud.faults import Faults

log = logging.getLogger(__name__)

HEAD_BYTES = 32 * 1024
HEAD_TIMEOUT_S = 20.0
HANG_UP_TIMEOUT_S = 30.0


class Responder:
    """Answers one request on each connection, then closes it."""

    def __init__(self, downloads: Downloads) -> None:
        self.downloads = downloads
        self._tasks: set[asyncio.Task[None]] = set()

    def protocol(self) -> asyncio.Protocol:
        """The protocol for one connection."""

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        reader = asyncio.StreamReader(limit=HEAD_BYTES)
        return asyncio.StreamReaderProtocol(reader, connected)

    async def close(self) -> None:
        """Drop every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer: Answer | None = None
        how = "broken"
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_TIMEOUT_S)
            scheme = "https" if writer.get_extra_info("ssl_object") else "http"
            answer = self._decide(head, scheme)
            if answer is not None:
                how = await self._send(reader, writer, answer, self.downloads.faults)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            # The device went away or never sent a request: the record says "broken".
            how = "broken"
        finally:
            if answer is not None:
                self.downloads.ended(answer, how)
            await _hang_up(writer, polite=how == "complete")

    def _decide(self, head: bytes, scheme: str) -> Answer | None:
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return None
        wanted = None
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "range":
                wanted = value.strip()
        return self.downloads.answer(words[0], words[1], wanted, scheme)

    async def _send(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Answer,
        faults: Faults,
    ) -> str:
        # Each piece leaves by itself: nothing may wait in the program for the next one.
        # (Not 0: a TLS transport with that limit pauses for ever.)
        writer.transport.set_write_buffer_limits(high=1, low=0)
        head = _head(answer, faults)
        step = faults.drip_bytes if faults.drip_bytes and faults.drip_head else len(head)
        for at in range(0, len(head), step):
            writer.write(head[at : at + step])
            await writer.drain()
            if step < len(head):
                await asyncio.sleep(faults.drip_delay_s)
        is_file = answer.path is not None
        cut = faults.cut_after if is_file else None
        if cut is not None and faults.cut_times is not None:
            if faults.cut_times > 0:
                faults.cut_times -= 1
            else:
                cut = None
        stall = faults.stall_after if is_file else None
        chunked = faults.chunked and is_file
        for piece in _pieces(answer, faults):
            sent = answer.record.bytes_sent
            ends = [end for end in (cut, stall) if end is not None and end <= sent + len(piece)]
            if ends:
                piece = piece[: min(ends) - sent]
            if piece:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await writer.drain()
                self.downloads.sent(answer, len(piece))
            if ends and stall is not None and stall == min(ends):
                self.downloads.ended(answer, "stalled")
                while await reader.read(1024):
                    pass  # The device may say what it wants; only its close ends this.
                return "stalled"
            if ends:
                await _flush(writer)
                return "cut"
            if faults.drip_delay_s and (faults.drip_bytes or faults.odd_pieces is not None):
                await asyncio.sleep(faults.drip_delay_s)
            elif faults.odd_pieces is not None:
                await asyncio.sleep(0)
        if chunked:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return "complete"


async def _flush(writer: asyncio.StreamWriter) -> None:
    """Wait until the kernel has every byte. `drain` does not see what lies below TLS."""
    below = getattr(getattr(writer.transport, "_ssl_protocol", None), "_transport", None)
    while any(
        transport is not None and transport.get_write_buffer_size()
        for transport in (writer.transport, below)
    ):
        await asyncio.sleep(0.002)


async def _hang_up(writer: asyncio.StreamWriter, *, polite: bool) -> None:
    """Close in order, or (a fault, a device that is gone) without TLS's own ending."""
    try:
        if polite:
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), HANG_UP_TIMEOUT_S)
    except (OSError, asyncio.TimeoutError) as exc:
        log.debug("a download connection was not closed in order: %r", exc)
    finally:
        writer.transport.abort()


def _head(answer: Answer, faults: Faults) -> bytes:
    headers = list(answer.headers)
    if answer.path is not None and faults.chunked:
        headers = [(k, v) for k, v in headers if k != "Content-Length"]
        headers.append(("Transfer-Encoding", "chunked"))
    elif answer.path is not None and faults.content_length_delta:
        headers = [
            (k, str(max(0, int(v) + faults.content_length_delta)) if k == "Content-Length" else v)
            for k, v in headers
        ]
    if faults.long_header:
        headers.insert(0, ("X-Long", "x" * faults.long_header))
    spell = {"lower": str.lower, "upper": str.upper}.get(faults.header_case, str)
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{spell(name)}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _pieces(answer: Answer, faults: Faults) -> Iterator[bytes]:
    """The body as the faults want it cut up."""
    if answer.path is None or (not faults.drip_bytes and faults.odd_pieces is None):
        yield from answer.pieces()
    elif faults.drip_bytes:
        yield from answer.pieces(faults.drip_bytes)
    else:
        seeded = random.Random(faults.odd_pieces)
        held = b""
        for more in answer.pieces():
            held += more
            while len(held) > faults.odd_max:
                size = seeded.randint(1, faults.odd_max)
                yield held[:size]
                held = held[size:]
        while held:
            size = seeded.randint(1, faults.odd_max)
            yield held[:size]
            held = held[size:]

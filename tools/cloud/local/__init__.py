"""LocalCloud: the stand-in in a thread of its own, for tests, the demo and the command line."""

from __future__ import annotations

import asyncio

from tools.cli import Refused
from tools.cloud.identity import Identity
from tools.cloud.local.operated import AddedDevice, Operated
from tools.cloud.openapi.keys import AccessKey

__all__ = ["AddedDevice", "LocalCloud"]


class LocalCloud(Operated):
    """The platform on the desk. Every method may be called from any thread and blocks briefly.

    `folder` keeps devices, releases, tasks and the certificate authority. `certificate` is the
    kind both TLS listeners show ("good", "expired", "not-yet-valid", "wrong-host", "other-ca");
    `mqtt_certificate` and `https_certificate` set them apart. Other keywords are those of
    `Settings`: ports, `listen`, `public`; with `page_port` (0: any free one) there is a page for a
    browser at `page_url`.

    Use it as a context manager, or call `close()`. Raises Refused when a port is taken.
    """

    def __enter__(self) -> LocalCloud:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def access_key(self) -> AccessKey:
        """What calls of its API are signed with; they go to `http_port` or `https_port`."""
        return self._program.access_key

    # --- what a test does to a device ---

    def publish(
        self, product_key: str, device_name: str, topic: str, payload: bytes | str, qos: int = 0
    ) -> bool:
        """Send a message to a device as if the cloud had; False when it does not listen."""
        data = payload.encode() if isinstance(payload, str) else payload
        identity = Identity(product_key, device_name)
        return self._call(lambda: self._program.ota.sender.send(identity, topic, data, qos))

    def send_raw(self, product_key: str, device_name: str, data: bytes) -> None:
        """Put bytes on a device's connection as they are. Raises Refused when it is offline."""

        def send() -> None:
            session = self._program.gateway.sessions.get(Identity(product_key, device_name))
            if session is None:
                raise Refused(
                    f"{product_key}/{device_name} is not signed in", "Let it sign in first."
                )
            session.write(data)

        self._call(send)

    def kick(self, product_key: str, device_name: str) -> bool:
        """Drop a device's session; False when it has none."""

        def drop() -> bool:
            session = self._program.gateway.sessions.get(Identity(product_key, device_name))
            if session is not None:
                session.close("kicked")
            return session is not None

        return self._call(drop)

    def go_dead(self, refuse: bool = False) -> None:
        """The gateway stops reading and answering; connections stay open, new ones hang.

        With `refuse` it is gone instead: connections are closed and new ones are refused.
        """
        self._async(lambda: self._program.go_dead(refuse))

    def come_back(self) -> None:
        """The gateway works again, on the same ports."""
        self._async(self._program.come_back)

    def advance(self, seconds: float) -> None:
        """Move the stand-in's clock ahead: keep alive, time-outs, links, limits a minute."""

        async def advance() -> None:
            self._program.clock.advance(seconds)
            # Timers that became due run in the loop's next turns.
            await asyncio.sleep(0.001)

        self._async(advance)

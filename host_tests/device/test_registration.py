"""A board that has only its product's secret: first contact, and everything that may go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.device_process import run_device
from host_tests.kit.rig import DN, PK, ROOT, Rig
from tools.cloud import LocalCloud

PRODUCT_SECRET = "PsExample0123456"
MAIN = (ROOT / "micropython" / "main.py").read_text()


class Bag(Rig):
    """A board as it leaves the factory: the product's secret, and the reference application."""

    def __init__(self, folder: Path, *, listed: bool = True) -> None:
        self.listed = listed
        super().__init__(folder)
        self.cloud.add_product(PK, PRODUCT_SECRET)
        self.board.write_slot(0, self.image("1.0.0", MAIN))

    def __enter__(self) -> Bag:
        return self

    def unpack(self, device_name: str = DN) -> None:
        """Give it what the factory gives each board of a product."""
        self.board.nvs_erase("alink")
        self.provision(self.board)
        self.board.nvs_erase("alink", "device_secret")
        self.board.nvs_set("alink", "device_name", device_name)
        self.board.nvs_set("alink", "product_secret", PRODUCT_SECRET)
        self.board.nvs_set("alink", "regnwl", int(not self.listed))

    def in_use(self, device_name: str = DN) -> None:
        """Wait until it has signed in and reported its version."""
        self.wait(lambda: self.cloud.version(PK, device_name) == "1.0.0", "the version report")

    def registrations(self) -> int:
        """How often a secret or token was given."""
        return len([note for note in self.cloud.notes if note.kind == "register"])

    def keys(self) -> set[str]:
        """What the settings hold; the board has to be off."""
        return {key for _, key in self.board.nvs_keys("alink")}


@pytest.fixture(params=[True, False], ids=["register", "regnwl"])
def bag(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bag]:
    with Bag(tmp_path, listed=request.param) as bag:
        if not bag.listed:
            bag.cloud.add_device("other", DN)  # listed elsewhere: of no use
        yield bag


def test_a_board_registers_on_first_contact_and_never_again(bag: Bag) -> None:
    bag.unpack("newcomer")
    if bag.listed:
        bag.cloud.add_device(PK, "newcomer")
    for start in (1, 2):
        bag.board.power_on()
        bag.wait(lambda: len(bag.sent("/inform/")) == start, "the version report")  # noqa: B023
        bag.board.power_cut()
    assert bag.registrations() == 1
    assert bag.cloud.violations == []
    own = {"device_secret"} if bag.listed else {"device_token", "client_id"}
    assert bag.keys() & {"device_secret", "device_token", "client_id", "product_secret"} == own
    # It updates like any other board.
    image = bag.release("1.1.0", bag.image("1.1.0", MAIN))
    bag.cloud.push(PK, "newcomer", "1.1.0")
    bag.board.power_on()
    bag.wait(lambda: bag.cloud.version(PK, "newcomer") == "1.1.0", "the update")
    assert bag.holds(1, image)
    bag.board.power_cut()
    console = bag.board.console_text()
    secrets = [PRODUCT_SECRET]
    secrets += [str(bag.board.nvs_get("alink", key), "utf-8") for key in own - {"client_id"}]  # type: ignore[arg-type]
    assert not [secret for secret in secrets if secret in console]


def test_a_power_cut_at_any_write_of_the_registration_is_made_good(bag: Bag) -> None:
    bag.board.power_on()  # as another device: the boot ROM's own first writes are done then
    bag.says("signed in")
    bag.board.power_cut()
    cuts = 0
    for op in range(1, 40):
        name = f"board{op:02}"
        bag.unpack(name)
        bag.cloud.add_device(PK, name)
        before = bag.registrations()
        bag.board.cut_at(op, "before" if op % 2 else "middle")
        bag.board.power_on()
        signed_in = f"signed in as {name}"
        bag.board.wait_for(
            lambda: not bag.board.is_on or signed_in in bag.board.console_text(),  # noqa: B023
            what="the cut or the sign-in",
        )
        if bag.board.is_on:
            bag.board.power_cut()
            bag.board.cut_at(0)
            break
        cuts += 1
        bag.board.power_on()
        bag.in_use(name)
        bag.board.power_cut()
        # Asked for once more at most: what was stored is used, what was lost is given again.
        assert bag.registrations() - before in (1, 2)
        assert not bag.keys() & {"product_secret"}
    assert cuts >= 3, "the secret was not stored, or the product's not erased"
    assert not bag.cloud.violations


def test_a_first_contact_that_fails_is_told_and_tried_again_within_the_limits(
    tmp_path: Path,
) -> None:
    with Bag(tmp_path) as bag:
        bag.unpack()
        bag.cloud.go_dead(refuse=True)
        bag.board.power_on()
        bag.says("not registered: E5 link")
        bag.cloud.come_back()
        bag.in_use()
        assert bag.registrations() == 1
        assert bag.cloud.violations == []


# What one attempt says. The settings are a dictionary here: the flash is not what is tried.
_ASK = """
import json, sys
from alink import AlinkError, registration
with open(sys.argv[1]) as f:
    task = json.load(f)
class Settings:
    kept = task["settings"]
    def get_text(self, key, default=None): return self.kept.get(key, default)
    def get_bytes(self, key, default=None):
        if key != "ca": return None
        with open(task["ca"], "rb") as f: return f.read()
    def get_int(self, key, default=0): return self.kept.get(key, default)
    def set_text(self, key, value): self.kept[key] = value
    def erase(self, key): self.kept.pop(key, None)
settings = Settings()
fed = 0
def feed():
    global fed
    fed += 1
try:
    registration.ensure(settings, feed=feed, tries=1, connect_timeout_ms=3000,
                        reply_timeout_ms=task["reply_ms"])
    said = None
except (AlinkError, ValueError) as e:
    said = "%s: %s" % (type(e).__name__, e)
print(json.dumps([said, sorted(settings.kept), fed]))
"""


def ask(
    cloud: LocalCloud,
    folder: Path,
    *,
    ca: bytes | None = None,
    reply_ms: int = 10000,
    more: dict[str, Any] | None = None,
) -> tuple[str | None, list[str], int]:
    """One attempt of a board: (the error's text or None, keys of its settings, watchdog feeds)."""
    ca_file = folder / "ca.der"
    ca_file.write_bytes(cloud.ca_der if ca is None else ca)
    settings: dict[str, Any] = {
        "product_key": PK,
        "device_name": DN,
        "product_secret": PRODUCT_SECRET,
        "host": "127.0.0.1",
        "port": cloud.mqtts_port,
        **(more or {}),
    }
    settings = {key: value for key, value in settings.items() if value is not None}
    task = folder / "task.json"
    task.write_text(json.dumps({"settings": settings, "ca": str(ca_file), "reply_ms": reply_ms}))
    output = run_device(_ASK, str(task))
    for secret in (PRODUCT_SECRET, "wrong-secret"):
        assert secret not in output
    said, keys, fed = json.loads(output.splitlines()[-1])
    return said, keys, fed


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path / "cloud") as cloud:
        cloud.add_product(PK, PRODUCT_SECRET)
        cloud.add_device(PK, DN)
        yield cloud


@pytest.mark.parametrize("code", [4, 5])
def test_a_refusal_is_named_with_what_to_look_at(
    cloud: LocalCloud, tmp_path: Path, code: int
) -> None:
    cloud.dialect.wrong_secret_code = code
    for more in ({"product_secret": "wrong-secret"}, {"device_name": "stranger"}):
        said, keys, _ = ask(cloud, tmp_path, more=more)
        assert said is not None
        assert f"E9 registration: CONNACK {code}" in said
        assert "product secret" in said
        assert "product_secret" in keys, "it could never try again"
    cloud.add_product(PK, registration=False)
    said, _, _ = ask(cloud, tmp_path)
    assert said is not None
    assert "E9 registration" in said
    assert "switched on" in said


def test_a_gateway_that_says_nothing_is_left_after_a_time(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    cloud.faults.no_register_answer = True
    said, keys, fed = ask(cloud, tmp_path, reply_ms=300)
    assert said is not None
    assert "E10 not-registered: nothing on /ext/register" in said
    assert "device_secret" not in keys
    assert fed > 5, "a watchdog would have bitten"


@pytest.mark.parametrize(
    "answer",
    [
        b"no JSON",
        b'{"productKey":"%s","deviceName":"%s"}' % (PK.encode(), DN.encode()),
        b'{"productKey":"%s","deviceName":"other","deviceSecret":"s"}' % PK.encode(),
        b"[" * 900,
    ],
)
def test_an_answer_that_is_none_is_not_stored(
    cloud: LocalCloud, tmp_path: Path, answer: bytes
) -> None:
    cloud.faults.register_answer = answer
    said, keys, _ = ask(cloud, tmp_path)
    assert said is not None
    assert "E8 protocol: the answer on /ext/register" in said
    assert "device_secret" not in keys
    assert "product_secret" in keys


def test_an_answer_too_long_to_be_one_is_not_held(cloud: LocalCloud, tmp_path: Path) -> None:
    cloud.faults.register_answer = b"x" * 200000
    said, _, _ = ask(cloud, tmp_path, reply_ms=300)
    assert said is not None
    assert "E10 not-registered" in said


def test_no_secret_is_asked_for_without_verified_tls(cloud: LocalCloud, tmp_path: Path) -> None:
    said, _, _ = ask(cloud, tmp_path, more={"secure": 0, "port": cloud.mqtt_port})
    assert said is not None
    assert "E1 config: secure: a registration goes over TLS only" in said
    with LocalCloud(tmp_path / "other") as other:
        said, _, _ = ask(cloud, tmp_path, ca=other.ca_der)
    assert said is not None
    assert "E3 tls" in said
    assert [note.kind for note in cloud.notes if note.kind in ("register", "refused")] == []


def test_a_board_with_a_secret_of_its_own_never_asks(cloud: LocalCloud, tmp_path: Path) -> None:
    own = {"device_secret": "0" * 32}
    said, keys, _ = ask(cloud, tmp_path, more={"host": None, **own})
    assert said is None
    assert "product_secret" not in keys, "it carries the whole product's secret about"
    token = {"device_token": "0" * 32, "client_id": "c"}
    assert ask(cloud, tmp_path, more={"host": None, **token})[0] is None
    assert ask(cloud, tmp_path, more={"host": None, "product_secret": None})[0] is None
    assert cloud.notes == []


def test_a_setting_that_is_missing_is_named(cloud: LocalCloud, tmp_path: Path) -> None:
    for key in ("host", "product_key", "device_name"):
        said, _, _ = ask(cloud, tmp_path, more={key: None})
        assert said is not None
        assert said.startswith(f"ValueError: {key} is missing")

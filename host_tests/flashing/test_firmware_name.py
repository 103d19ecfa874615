"""--firmware 1.27.0: the stock firmware of a board by its version, or how to bring it by hand."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from host_tests.kit.firmware_files import app, merged
from host_tests.kit.serial_rig import flash
from tools.flashing import fetching

NAME = "ESP32_GENERIC-20251209-v1.27.0.bin"


class Site:
    """micropython.org on this machine: `files` by path, and what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        site = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                content = site.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    made = Site()
    monkeypatch.setattr(fetching, "SITE", made.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image.bin").write_bytes(app())
    (tmp_path / "s3.bin").write_bytes(app("ESP32_GENERIC_S3"))
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


def make(firmware: str, board: str = "ESP32_GENERIC", image: str = "image.bin") -> tuple[int, str]:
    what = ("--firmware", firmware, "--image", image, "--output", "all.bin", "--force")
    return flash("flash", "--board", board, *what)


def test_a_firmware_is_fetched_by_its_version_once_and_its_checksum_told(site: Site) -> None:
    content = merged()
    site.files[f"/resources/firmware/{NAME}"] = content
    for written in ("1.27.0", "v1.27.0"):
        code, said = make(written)
        assert code == 0, said
        assert NAME in said
    assert site.asked == [f"/resources/firmware/{NAME}"]
    assert Path(NAME).read_bytes() == content
    code, said = make("1.27.0")
    assert "which is here already" in said
    Path(NAME).unlink()
    assert hashlib.sha256(content).hexdigest() in make("1.27.0")[1]


def test_a_release_newer_than_these_tools_is_found_on_the_boards_page(site: Site) -> None:
    name = "ESP32_GENERIC_S3-SPIRAM_OCT-20301224-v9.8.7.bin"
    others = "ESP32_GENERIC_S3-20301224-v9.8.7.bin ESP32_GENERIC_S3-SPIRAM_OCT-20301001-v9.8.6.bin"
    site.files["/download/ESP32_GENERIC_S3/"] = f"<a href='{name}'> {others}".encode()
    site.files[f"/resources/firmware/{name}"] = merged("ESP32_GENERIC_S3", flash=8 << 20)
    code, said = make("SPIRAM_OCT-9.8.7", "ESP32_GENERIC_S3", "s3.bin")
    assert code == 0, said
    assert Path(name).exists()
    code, said = make("SPIRAM_OCT-9.9.9", "ESP32_GENERIC_S3", "s3.bin")
    assert code == 1
    assert "no ESP32_GENERIC_S3-SPIRAM_OCT-DATE-v9.9.9.bin among the downloads" in said
    code, said = make("FOO-9.8.7", "ESP32_GENERIC_S3", "s3.bin")
    assert code == 1
    assert "Of this version it has 9.8.7, SPIRAM_OCT-9.8.7. " in said


def test_a_version_that_is_not_there_and_what_is_no_firmware_leave_no_file(site: Site) -> None:
    code, said = make("1.27.0")
    assert code == 1
    assert f"has no {NAME}" in said
    site.files[f"/resources/firmware/{NAME}"] = b"<html>please sign in</html>"
    code, said = make("1.27.0")
    assert code == 1
    assert "is no firmware" in said
    assert not list(Path().glob("*v1.27.0*"))


def test_where_the_site_cannot_be_reached_it_is_said_which_file_to_bring(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setattr(fetching, "SITE", nobody)
    code, said = make("1.27.0")
    assert code == 1
    assert f"{nobody} cannot be reached" in said
    assert f"Download {NAME} with any browser from {nobody}/download/ESP32_GENERIC/" in said
    Path(NAME).write_bytes(merged())  # as told
    code, said = make("1.27.0")
    assert code == 0, said


def test_a_file_named_as_a_version_is_the_file(site: Site) -> None:
    Path("1.27.0").write_bytes(merged())
    code, said = make("1.27.0")
    assert code == 0, said
    assert site.asked == []


@pytest.mark.parametrize("named", ["latest", "1.2", "1.27", "firmware.bin"])
def test_what_is_neither_a_file_nor_a_version_is_told_with_what_to_give(
    named: str, site: Site
) -> None:
    code, said = make(named)
    assert code == 1
    assert f"{named}: No such file or directory. Give a file, or a version as 1.27.0." in said
    assert site.asked == []


@pytest.mark.parametrize(
    ("named", "board", "instead"),
    [
        (
            "FOO-1.27.0",
            "ESP32_GENERIC",
            "Give 1.27.0, or of its variants D2WD-1.27.0, OTA-1.27.0,",
        ),
        ("SPIRAM_OCT-1.26.1", "ESP32_GENERIC", "SPIRAM-1.26.1"),
        ("SPIRAM-1.27.0", "ESP32_GENERIC_S3", "SPIRAM_OCT-1.27.0"),
        ("SPIRAM-1.27.0", "ESP32_GENERIC_C3", "Give 1.27.0."),
    ],
)
def test_a_variant_that_a_board_has_none_of_is_refused_before_it_is_looked_for(
    named: str, board: str, instead: str, site: Site
) -> None:
    code, said = make(named, board)
    variant, _, version = named.partition("-")
    assert code == 1
    assert f"{board} has no variant {variant} of MicroPython {version}. " in said
    assert instead in said
    assert site.asked == []


def test_a_variant_of_ones_own_that_lies_here_is_taken(site: Site) -> None:
    Path("ESP32_GENERIC-MINE-20260101-v1.27.0.bin").write_bytes(merged())
    code, said = make("MINE-1.27.0")
    assert code == 0, said
    assert site.asked == []


@pytest.mark.parametrize("named", ["1.23.0", "v1.24.1", "SPIRAM-1.23.0"])
def test_a_version_too_old_for_alink_is_refused_before_it_is_looked_for(
    named: str, site: Site
) -> None:
    Path("ESP32_GENERIC-20240602-v1.23.0.bin").write_bytes(merged(version="v1.23.0"))
    code, said = make(named)
    assert code == 1
    assert f"MicroPython {named[-6:]} is too old: alink needs 1.25 or newer" in said
    assert "as 1.27.0" in said
    assert site.asked == []
    assert not Path("all.bin").exists()

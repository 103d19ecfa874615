"""Where the documents leave the platform's behaviour open: how the stand-in speaks there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Dialect:
    """How the stand-in speaks where pages, captures and SDKs disagree. All of it is legal."""

    push_code: str | int = "1000"  # `code` of a push: "1000" in captures, 200 on one page
    push_id_text: bool = False  # `id` of a push as a string instead of a 13-digit number
    push_message: bool = True  # `message` in the push
    push_qos: int = 0  # QoS of a push: 0 in captures
    sign_methods: tuple[str, str] = ("Md5", "SHA256")  # spelling; also seen: "MD5", "Sha256"
    # One file as a list of one: "file" with fileUrl, fileSize .. in it, "plain" with url, size ..
    single_as_files: str = ""
    wrong_secret_code: int = 4  # CONNACK for a wrong secret: 4 or 5, never documented
    link_lifetime_s: float = 86400.0  # links are good for 24 hours
    block_message: str = "message"  # that key of a block's header: "message", or "msg"
    block_error: str = "framed"  # a refusal: "framed" (no data, CRC 0), "no-crc" or "bare" (JSON)
    block_qos: int = 0  # QoS of a block

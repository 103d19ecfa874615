"""What is released besides an image: the package for mip, and dist/ with its files.

    python -m tools.dev.package json     write micropython/package.json anew
    python -m tools.dev.package dist     dist/: the package compiled, an archive of it, checksums

The version is that of alink.__version__ alone. Nothing in dist/ depends on when or where it is
made: the same tree gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
import shutil
import sys
import tarfile
from pathlib import Path

if __name__ == "__main__" and not __package__:  # run as a file: python tools/dev/package.py
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.images.application import package as compiled
from tools.images.features import FEATURES

ROOT = Path(__file__).resolve().parents[2]
DEVICE = ROOT / "micropython"
_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


def version() -> str:
    """The one version: that of the package itself."""
    found = _VERSION.search((DEVICE / "alink" / "__init__.py").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError("micropython/alink/__init__.py states no __version__")
    return found.group(1)


def package() -> dict[str, object]:
    """package.json as mip reads it: [target, source] with sources beside the file itself.

    boot.py is not in it: mip puts everything below lib, and the loader belongs to the root. It
    takes 450 KB of the board's own file system, which only tables for 8 MiB of flash and more
    have: others carry alink in an image (image.py), or frozen into the firmware (manifest.py).
    """
    alink = DEVICE / "alink"
    names = sorted(path.relative_to(alink).as_posix() for path in alink.rglob("*.py"))
    # No dependencies: stock firmware has requests and umqtt.simple frozen in.
    return {
        "version": version(),
        "urls": [[f"alink/{name}", f"alink/{name}"] for name in names],
        "deps": [],
    }


def package_text() -> str:
    """The file's text."""
    return json.dumps(package(), indent=2) + "\n"


def dist_files() -> dict[str, bytes]:
    """The files of a release, by name: the package as .mpy, loader, application, examples."""
    files = {f"lib{path}": file for path, file in compiled(DEVICE / "alink", FEATURES).items()}
    examples = sorted(f"examples/{path.name}" for path in (DEVICE / "examples").glob("*.py"))
    for name in ("boot.py", "main.py", *examples):
        files[name] = (DEVICE / name).read_bytes()
    return files


def archive(files: dict[str, bytes], folder: str) -> bytes:
    """A .tar.gz of the files below `folder`; the same files give the same bytes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as out:
        out.write(plain.getvalue())
    return packed.getvalue()


def dist(folder: Path) -> dict[str, bytes]:
    """Write a release below `folder`, which is emptied first; what was written, by name."""
    name = f"alink-{version()}"
    files = dist_files()
    out = {f"{name}-mpy/{path}": content for path, content in files.items()}
    out[f"{name}-mpy.tar.gz"] = archive(files, f"{name}-mpy")
    sums = "".join(f"{hashlib.sha256(out[path]).hexdigest()}  {path}\n" for path in sorted(out))
    out["SHA256SUMS"] = sums.encode()
    shutil.rmtree(folder, ignore_errors=True)
    for path, content in out.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return out


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="package.py", description=(__doc__ or "").split("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("json", help="write micropython/package.json anew")
    made = commands.add_parser("dist", help="write a release")
    made.add_argument("--output", type=Path, default=ROOT / "dist", help="folder (%(default)s)")
    options = parser.parse_args(arguments)
    if options.command == "json":
        (DEVICE / "package.json").write_text(package_text(), encoding="utf-8")
        return 0
    out = dist(options.output)
    print(f"{options.output}: {len(out)} files, version {version()}; sha256sum -c SHA256SUMS")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Passwords that are made once and kept in files that only their owner reads."""

import contextlib
import os
import secrets
from pathlib import Path


def kept(file: Path, *, size: int = 24) -> str:
    """The secret in the file; one of `size` random bytes is made where there is none.

    Its characters are safe in a URL; there are four for three bytes.
    """
    if not (file.exists() and file.read_text().strip()):
        write_private(file, secrets.token_urlsafe(size) + "\n")
    return file.read_text().strip()


def write_private(file: Path, text: str) -> None:
    """Write a file of mode 0600 that is never half there, nor readable for a moment."""
    half = file.with_name(f".{file.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        half.unlink()
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
    half.replace(file)

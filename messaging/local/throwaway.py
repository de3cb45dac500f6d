"""A folder for one run, with servers below it, that is gone afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory


@contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """A folder named messaging-`name`-…, removed with all that servers put elsewhere for it."""
    with TemporaryDirectory(prefix=f"messaging-{name}-", ignore_cleanup_errors=True) as path:
        folder = Path(path)
        if os.geteuid() == 0:
            folder.chmod(0o711)  # for root's servers, which run as somebody without rights
        try:
            yield folder
        finally:
            for pointer in folder.glob("*/elsewhere"):
                rmtree(pointer.read_text().strip(), ignore_errors=True)

"""What the tests of measurements share."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where servers that run as somebody without rights reach their files, even for root."""
    with TemporaryDirectory(prefix="bench-test-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path

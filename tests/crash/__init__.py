"""Crash tests: real processes, killed at every point of a text's way."""

import pytest

pytest.register_assert_rewrite("tests.crash.endings", "tests.crash.scenes")

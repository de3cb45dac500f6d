"""Whether this machine runs containers."""

import gc
import warnings
from functools import cache

import docker  # type: ignore[import-untyped]


@cache
def why_no_containers() -> str | None:
    """Why containers cannot be started here, in a sentence; None where they can."""
    with warnings.catch_warnings():
        # The client leaves its socket open when nobody answers: found here, not in some test.
        warnings.simplefilter("ignore", ResourceWarning)
        reason = _ask()
        gc.collect()
    return reason


def _ask() -> str | None:
    try:
        client = docker.from_env(timeout=5)
        client.ping()
        client.close()
    except docker.errors.DockerException as error:
        return f"No container engine answers: {error}"
    return None

"""Runs a program for an alert: without a shell, with the alert on its standard input."""

import os
import shlex
import subprocess

_PATIENCE = 30.0


def run(line: str, body: bytes) -> str | None:
    """None where the program ended with 0; else why not. It is killed after half a minute.

    `line` is split into words as a shell splits it, and nothing else is done to it. Our environment
    holds secrets and stays here: the program finds the system's PATH and nothing more.
    """
    try:
        ran = subprocess.run(  # noqa: S603 - the operator's own program
            shlex.split(line),
            input=body,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            env={"PATH": os.defpath},
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the command did not end within {_PATIENCE:g} s"
    except (OSError, ValueError) as error:
        return f"the command cannot be run ({type(error).__name__})"
    return None if ran.returncode == 0 else f"the command ended with {ran.returncode}"

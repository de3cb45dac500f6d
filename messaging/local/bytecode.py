"""Compiles what our processes import, once, before five of them would each do so by themselves.

Needed where packages were installed without bytecode, as uv does, and pip with --no-compile.
Without it a first start takes twice as long, and with PYTHONDONTWRITEBYTECODE every start does.
"""

import os
import sys
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from messaging.local.process import Program

_WITNESS = "celery"
"""Where this package has no bytecode, nothing has."""
_IMPORTED = (
    "celery.bin.celery",
    "celery.apps.worker",
    "celery.apps.beat",
    "celery.concurrency.thread",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "messaging.celery",
    "messaging.tasks",
    "messaging.web.app",
    "messaging.local.simulator.server",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
    "flower.command",
)
_CODE = """
import importlib, sys
sys.dont_write_bytecode = False
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def is_missing() -> bool:
    """Whether the packages have no bytecode, and we may write it."""
    spec = find_spec(_WITNESS)
    if spec is None or spec.origin is None:
        return False
    return not Path(cache_from_source(spec.origin)).exists() and os.access(
        Path(spec.origin).parent, os.W_OK
    )


def compiler() -> Program:
    """Imports it all and ends. If it fails, nothing is lost but time."""
    # Settings are read when some of it is imported; nothing connects.
    environment = {"DATABASE_URL": "postgresql://127.0.0.1/none", "PATH": os.defpath}
    return Program(
        argv=(sys.executable, "-c", _CODE, *_IMPORTED), environment=environment, folder=Path.cwd()
    )

"""Measures how fast the service is on this machine, beside plain Celery in the same run."""

from messaging.local.bench.options import PARTS, BenchOptions, parts
from messaging.local.bench.run import run

__all__ = ["PARTS", "BenchOptions", "parts", "run"]

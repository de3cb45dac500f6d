"""Hurts the whole service by a plan, and compares what Twilio accepted with what it says."""

from messaging.local.chaos.options import ChaosOptions
from messaging.local.chaos.outcome import Outcome
from messaging.local.chaos.report import picture, write
from messaging.local.chaos.run import run

__all__ = ["ChaosOptions", "Outcome", "picture", "run", "write"]

"""A Twilio to test against: its Messages API over HTTP, signed callbacks, faults on demand.

with Simulator.running(Config(seed=1)) as twilio:
    client = Client(twilio.config.account_sid, twilio.config.auth_token)
    client.api.base_url = twilio.base_url
"""

from messaging.local.simulator.config import (
    DEFAULT_ACCOUNT_SID,
    DEFAULT_API_KEY,
    DEFAULT_API_SECRET,
    DEFAULT_AUTH_TOKEN,
    DEFAULT_MESSAGING_SERVICE_SID,
    DEFAULT_NUMBER,
    Config,
)
from messaging.local.simulator.inbound import Inbound, Received
from messaging.local.simulator.ledger import Ledger, Summary
from messaging.local.simulator.message import Message
from messaging.local.simulator.rules import Call, Kind, Match, Rule
from messaging.local.simulator.server import Simulator, run

__all__ = [
    "DEFAULT_ACCOUNT_SID",
    "DEFAULT_API_KEY",
    "DEFAULT_API_SECRET",
    "DEFAULT_AUTH_TOKEN",
    "DEFAULT_MESSAGING_SERVICE_SID",
    "DEFAULT_NUMBER",
    "Call",
    "Config",
    "Inbound",
    "Kind",
    "Ledger",
    "Match",
    "Message",
    "Received",
    "Rule",
    "Simulator",
    "Summary",
    "run",
]

"""What a person needs to know once everything runs: addresses, logins, what to type next."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from messaging.addressing import masked
from messaging.local.addresses import Addresses
from messaging.local.screen import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What was started; None or False is what was not."""

    data: Path
    addresses: Addresses
    flower_login: str | None
    has_postgres: bool
    is_simulated: bool
    public_base_url: str | None


def facts(running: Running) -> list[Fact]:
    """The lines of the panel."""
    addresses = running.addresses
    lines = [Fact(name="web", text=addresses.web_url, remark="/healthz  /readyz  /metrics")]
    if running.flower_login:
        name, _, password = running.flower_login.partition(":")
        remark = f"sign in as {name}, password {password}"
        lines.append(Fact(name="Flower", text=addresses.flower_url, remark=remark))
    lines.append(_twilio(running))
    if running.has_postgres:
        psql = shown(running.data / "psql")
        lines.append(Fact(name="database", text=psql, remark="opens psql and knows the password"))
    return [*lines, _send(running)]


def shown(path: Path) -> str:
    """A path as one would type it here."""
    relative = os.path.relpath(path)
    if relative.startswith(".."):
        return str(path)
    return relative if "/" in relative else f"./{relative}"


def _twilio(running: Running) -> Fact:
    if running.is_simulated:
        ledger = f"{running.addresses.simulator_url}/_simulator/ledger"
        return Fact(
            name="simulator", text=ledger, remark="stands for Twilio: no text leaves this machine"
        )
    if running.public_base_url:
        via = f"via {masked(running.public_base_url)}"
        return Fact(name="Twilio", text="the real one", remark=via)
    remark = "set PUBLIC_BASE_URL, or it cannot report what was delivered"
    return Fact(name="Twilio", text="the real one", remark=remark)


def _send(running: Running) -> Fact:
    ours = shown(Path(sys.executable).with_name("messaging"))
    program = "messaging" if shutil.which("messaging") else ours
    source = f". {shown(running.data / 'env')}"
    to = "+12025550123" if running.is_simulated else "YOUR_NUMBER"
    command = f"{program} send --to {to} --body Hello --wait"
    return Fact(name="send a text", text=f"{source}\n{command}", remark="in another terminal")

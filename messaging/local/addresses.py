"""Where what `messaging up` starts can be reached."""

from dataclasses import dataclass
from typing import Self

from messaging.errors import Misconfigured
from messaging.local.ports import LOOPBACK, is_free, next_free

SIMULATOR, FLOWER = 8010, 5555
"""Ports that are taken where they are free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Ports on the loopback address."""

    web: int
    simulator: int
    flower: int

    @classmethod
    def choose(cls, *, wanted: int | None, usual: int) -> Self:
        """The usual ports, or the next free ones; a `wanted` one for the web, or none.

        Raises Misconfigured where the wanted port is taken.
        """
        if wanted and not is_free(wanted):
            raise Misconfigured(f"Port {wanted} is taken: choose another one, or none.")
        web = wanted or next_free(usual)
        simulator = next_free(SIMULATOR, taken=frozenset({web}))
        flower = next_free(FLOWER, taken=frozenset({web, simulator}))
        return cls(web=web, simulator=simulator, flower=flower)

    def others(self, *, usual: int) -> list[str]:
        """A sentence for each port that isn't the usual one because somebody has that."""
        wanted = (("web", usual, self.web), ("the simulator", SIMULATOR, self.simulator))
        return [
            f"Port {port} is taken, so {name} is on {chosen}."
            for name, port, chosen in (*wanted, ("Flower", FLOWER, self.flower))
            if port != chosen
        ]

    @property
    def web_url(self) -> str:
        """Health, metrics, webhooks, pages."""
        return f"http://{LOOPBACK}:{self.web}"

    @property
    def simulator_url(self) -> str:
        """What stands for Twilio's API."""
        return f"http://{LOOPBACK}:{self.simulator}"

    @property
    def flower_url(self) -> str:
        """Flower's pages."""
        return f"http://{LOOPBACK}:{self.flower}"

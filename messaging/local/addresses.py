"""Where what `messaging up` starts can be reached."""

from dataclasses import dataclass
from typing import Self

from messaging.errors import Misconfigured
from messaging.local.ports import LOOPBACK, is_free, next_free

SIMULATOR, FLOWER = 8010, 5555
"""The usual ports."""


def refuse_taken(port: int | None) -> None:
    """Raise Misconfigured where somebody listens on this port already."""
    if port and not is_free(port):
        raise Misconfigured(f"Port {port} is taken: choose another one, or none.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Ports on the loopback address."""

    web: int
    simulator: int
    flower: int

    @classmethod
    def choose(cls, *, web: int) -> Self:
        """This port for the web process and the usual ones, or the next free ones."""
        chosen = next_free(web)
        simulator = next_free(SIMULATOR, taken=frozenset({chosen}))
        flower = next_free(FLOWER, taken=frozenset({chosen, simulator}))
        return cls(web=chosen, simulator=simulator, flower=flower)

    def others(self, *, web: int) -> list[str]:
        """A sentence for each port that is another one because somebody has the usual one."""
        wanted = (("web", web, self.web), ("the simulator", SIMULATOR, self.simulator))
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

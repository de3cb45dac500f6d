"""Where it takes place: as for a measurement, with a network to Twilio that can be cut."""

from datetime import timedelta
from pathlib import Path

from messaging.local.bench.site import Site
from messaging.local.outage.options import Kind
from messaging.local.ports import LOOPBACK
from messaging.local.proxy import Proxy
from messaging.local.simulator import rules
from messaging.local.simulator.rules import Call, Rule

_RULES = {
    Kind.CREDENTIALS: Rule(kind=rules.Kind.REJECT, code=20003, call=Call.ANY),
    Kind.ERRORS: Rule(kind=rules.Kind.ERROR_BEFORE, call=Call.ANY),
}


class OutageSite(Site):
    """A site whose Twilio can fail for everybody."""

    def __init__(self, folder: Path) -> None:
        """Nothing starts yet."""
        super().__init__(folder, timedelta(milliseconds=50))
        self._armed: int | None = None

    @property
    def environment(self) -> dict[str, str]:
        """For every process, with a way round to Twilio."""
        return super().environment | {
            "TWILIO_API_BASE_URL": f"http://{LOOPBACK}:{self.network.port}"
        }

    def fail(self, kind: Kind) -> None:
        """Let Twilio fail like this."""
        if kind is Kind.BLACKHOLE:
            self.network.blackhole()
            return
        self._armed = self.twilio.arm(_RULES[kind])

    def mend(self) -> None:
        """Let it work again."""
        if self._armed is not None:
            self.twilio.disarm(self._armed)
            self._armed = None
        self.network.pass_on()

    def _start_twilio(self) -> None:
        # The simulator's port is not known before, and its process wants an environment.
        self.network = self._closing.enter_context(Proxy((LOOPBACK, 0)))
        super()._start_twilio()
        self.network.aim((LOOPBACK, self.twilio.port))

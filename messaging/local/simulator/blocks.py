"""Who has said STOP to which sender, and the words that say so.

The words: https://help.twilio.com/articles/223134027 (default English keywords).
"""

_STOP = frozenset(["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"])
_START = frozenset(("START", "YES", "UNSTOP"))
_HELP = frozenset(("HELP", "INFO"))


def keyword(body: str) -> str | None:
    """STOP, START or HELP if that is what the whole text says, else None."""
    word = body.strip().upper()
    if word in _STOP:
        return "STOP"
    if word in _START:
        return "START"
    return "HELP" if word in _HELP else None


class Blocks:
    """Pairs of a sender (a number or a Messaging Service) and a number it must not text."""

    def __init__(self) -> None:
        self._pairs: set[tuple[str, str]] = set()

    def hear(self, body: str, *, number: str, senders: tuple[str, ...]) -> None:
        """Block or unblock the senders for this number, if the text is such a keyword."""
        pairs = {(sender, number) for sender in senders}
        match keyword(body):
            case "STOP":
                self._pairs |= pairs
            case "START":
                self._pairs -= pairs

    def has(self, sender: str, number: str) -> bool:
        """Whether this sender must not text this number."""
        return (sender, number) in self._pairs

    def all(self) -> list[tuple[str, str]]:
        """Every pair, sorted."""
        return sorted(self._pairs)

    def clear(self) -> None:
        """Unblock everything."""
        self._pairs.clear()

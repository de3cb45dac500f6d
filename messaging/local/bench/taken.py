"""Texts that the stand-in has taken: what is answered, and the ledger, read when somebody asks."""

import re
import time
from collections.abc import Iterator
from itertools import islice

from messaging.local.simulator import creation
from messaging.local.simulator.config import Config
from messaging.local.simulator.forms import Form, encode
from messaging.local.simulator.ledgerbook import first, page
from messaging.local.simulator.message import Message, resource
from messaging.local.simulator.requests import Response, json_response

_NUMBER = "+1555123XXXX"
"""Twilio shows numbers without their last four digits where Message Redaction is on."""
_NEVER_QUOTED = re.compile(r"[A-Za-z0-9]+")
"""What stands in a form as it is."""


class Taken:
    """In the order in which they came in, as they came in: nothing is read meanwhile."""

    def __init__(self, config: Config) -> None:
        """None yet."""
        self._config = config
        self._texts: list[tuple[float, str, bytes]] = []

    def __len__(self) -> int:
        return len(self._texts)

    def note(self, form: bytes) -> str:
        """Keep a text that has just come in. Its SID is as random as Twilio's own: in an index, no
        two of them stand beside each other."""
        sid = creation.new_sid("SM")
        self._texts.append((time.time(), sid, form))
        return sid

    def page(self, wishes: Form) -> Response:
        """Entries as the simulator's ledger has them, whose bodies have the words `body`, from
        number `after` + 1 on, at most `limit`. They were created when the text came in."""
        return page(self._with_words(wishes.get("body"), first(wishes)), wishes)

    def _with_words(self, words: str, start: int) -> Iterator[Message]:
        """To read all of a million texts takes a minute: what lacks one of the words is passed."""
        needed = [word.encode() for word in _NEVER_QUOTED.findall(words)]
        for number, (at, sid, form) in enumerate(islice(self._texts, start, None), start):
            if all(word in form for word in needed):
                message = _message(form, self._config, at)
                message.sid, message.number, message.request = sid, number, number + 1
                if words in message.body:
                    yield message


class Acceptance:
    """The answer to a text that is taken, which is the same for all of them but for the SID.

    It shows no words, and a number that is none, as with Message Redaction
    (https://www.twilio.com/docs/messaging/guides/privacy-message-redaction); its times are those
    of the start.
    """

    def __init__(self, config: Config) -> None:
        """Of a text through the account's Messaging Service."""
        service = config.messaging_services[0]
        form = encode([("To", _NUMBER), ("MessagingServiceSid", service)])
        message = _message(form.encode(), config, time.time())
        sid = message.sid.encode()
        response = json_response(201, resource(message, config.account_sid))
        self._body = response.body.split(sid)
        self._whole = response.encode(keep_alive=True).split(sid)

    def response(self, sid: str) -> Response:
        """The answer as a value."""
        return Response(status=201, body=sid.encode().join(self._body))

    def written(self, sid: str) -> bytes:
        """The same as it is written on a connection that stays."""
        return sid.encode().join(self._whole)


def _message(form: bytes, config: Config, at: float) -> Message:
    """The message that the simulator would have made of this form."""
    wish = creation.read(Form(form.decode("utf-8", "replace")))
    return creation.message(wish, config, request=0, now=at)

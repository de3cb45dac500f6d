"""HTTP requests and answers as values."""

from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus

from pydantic import TypeAdapter

from messaging.local.simulator.forms import Form
from messaging.local.simulator.refusals import Refusal

_JSON = "Content-Type: application/json;charset=utf-8\r\n"
_ANYTHING: TypeAdapter[object] = TypeAdapter(object)
"""Writes JSON, six times as fast as the standard library."""
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True, kw_only=True)
class Request:
    """A request as it came in. `form` is its form-encoded body, `arguments` its query."""

    method: str
    path: str
    query: str
    authorization: bytes
    body: bytes
    keep_alive: bool
    is_from_a_page: bool = False
    """Whether a browser sends it for a page of another site."""
    has_strange_name: bool = False
    """Whether it was sent to a name of the internet."""
    _form: Form | None = field(default=None, init=False)
    _arguments: Form | None = field(default=None, init=False)

    @property
    def form(self) -> Form:
        """The fields of the body, read once."""
        if self._form is None:
            self._form = Form(self.body.decode("utf-8", "replace"))
        return self._form

    @property
    def arguments(self) -> Form:
        """The fields of the query, read once."""
        if self._arguments is None:
            self._arguments = Form(self.query)
        return self._arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer: a status, a JSON body, and headers beyond the usual ones."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self, *, keep_alive: bool) -> bytes:
        """The bytes to write."""
        return _head(self.status, len(self.body), self.headers, keep_alive) + self.body


@lru_cache(maxsize=1024)
def _head(
    status: int, length: int, headers: tuple[tuple[str, str], ...], keep_alive: bool
) -> bytes:
    extra = "".join([f"{name}: {value}\r\n" for name, value in headers])
    # An answer without content must not tell its length (RFC 9110, 8.6).
    described = "" if status == 204 else f"{_JSON}Content-Length: {length}\r\n"
    return (
        f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n"
        f"{described}"
        f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n"
        f"{extra}\r\n"
    ).encode("latin-1")


def json_response(status: int, content: object, **headers: str) -> Response:
    """An answer with this content; `Retry_After="1"` becomes the header Retry-After."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(status=status, body=_ANYTHING.dump_json(content), headers=named)


def error_response(refusal: Refusal, **headers: str) -> Response:
    """Twilio's JSON of an error."""
    content = {
        "code": refusal.code,
        "message": refusal.message,
        "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
        "status": refusal.status,
    }
    return json_response(refusal.status, content, **headers)

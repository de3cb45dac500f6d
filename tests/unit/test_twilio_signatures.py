"""Signatures of webhooks, against the official package's own validator."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from messaging.settings import load
from messaging.twilio.signatures import is_signed, tokens_of

TOKEN = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
BASE = "https://texts.example.org"
PATH = "/api/twilio/status?job=6f1c&attempt=1"
FIELDS = (("MessageStatus", "delivered"), ("To", "+15551230000"), ("ErrorCode", ""))


class Repeated:
    """Parameters as the package takes them when names repeat."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields = fields

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter([name for name, _ in self._fields])

    def __bool__(self) -> bool:
        return bool(self._fields)

    def getlist(self, wanted: str) -> list[str]:
        return [value for name, value in self._fields if name == wanted]


def signature(
    fields: Sequence[tuple[str, str]] = FIELDS,
    *,
    url: str = BASE + PATH,
    token: str = TOKEN,
) -> str:
    validator = RequestValidator(token)  # type: ignore[no-untyped-call]
    return str(validator.compute_signature(url, Repeated(fields)))  # type: ignore[no-untyped-call]


def signed(
    given: str | None,
    *,
    body: Sequence[tuple[str, str]] | bytes = FIELDS,
    path: str = PATH,
    base: str = BASE,
    tokens: Sequence[str] = (TOKEN,),
) -> bool:
    return is_signed(tokens=tokens, base_url=base, path_and_query=path, body=body, signature=given)


def json_path(body: bytes) -> str:
    return f"/json?bodySHA256={sha256(body).hexdigest()}"


words = st.text(st.characters(exclude_categories=["Cs"], include_characters=" +&=%é"), max_size=12)
names = st.text("abcXYZ019_-.~%", min_size=1, max_size=6)
queries = st.lists(st.tuples(names, names), max_size=3).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
paths = st.tuples(st.lists(names, min_size=1, max_size=3), queries).map(
    lambda parts: "/" + "/".join(parts[0]) + (f"?{parts[1]}" if parts[1] else "")
)
bases = st.sampled_from(
    [
        BASE,
        "http://texts.example.org",
        "https://texts.example.org:8443",
        "http://texts.example.org:80",
        "https://texts.example.org/below/here",
    ]
)


@given(
    base=bases,
    path=paths,
    fields=st.lists(st.tuples(words, words), max_size=6),
    port=st.sampled_from([None, 443, 80, 8443]),
    tampered=st.booleans(),
)
def test_forms_are_judged_as_the_official_package_judges_them(
    base: str, path: str, fields: list[tuple[str, str]], port: int | None, tampered: bool
) -> None:
    scheme, _, rest = base.partition("://")
    host, slash, below = rest.partition("/")
    bare = host.partition(":")[0]
    signed_url = f"{scheme}://{bare}{f':{port}' if port else ''}{slash}{below}{path}"
    mark = signature(fields, url=signed_url)
    seen = [*fields, ("Extra", "1")] if tampered else fields
    validator = RequestValidator(TOKEN)  # type: ignore[no-untyped-call]
    expected = validator.validate(base + path, Repeated(seen), mark)  # type: ignore[no-untyped-call]
    assert expected == signed(mark, body=seen, path=path, base=base)


@given(body=st.text(min_size=1), path=paths, hashed=st.sampled_from(["right", "wrong"]))
def test_json_is_judged_as_the_official_package_judges_it(
    body: str, path: str, hashed: str
) -> None:
    try:
        raw = body.encode()
    except UnicodeEncodeError:
        return
    digest = sha256(raw if hashed == "right" else raw + b" ").hexdigest()
    path += ("&" if "?" in path else "?") + f"bodySHA256={digest}"
    mark = signature((), url=BASE + path)
    validator = RequestValidator(TOKEN)  # type: ignore[no-untyped-call]
    expected = validator.validate(BASE + path, body, mark)  # type: ignore[no-untyped-call]
    assert expected == signed(mark, body=raw, path=path)


@pytest.mark.parametrize(
    "situation, expected, given",
    [
        ("the right signature", True, signature()),
        ("no signature", False, None),
        ("an empty signature", False, ""),
        ("a signature with a stray character", False, "\udcff" + signature()),
        ("another token's signature", False, signature(token=OTHER)),
        ("a signature over another address", False, signature(url="https://evil.example" + PATH)),
        ("a signature over one parameter less", False, signature(FIELDS[:2])),
    ],
)
def test_a_form_is_signed_only_by_its_own_signature(
    situation: str, expected: bool, given: str | None
) -> None:
    assert expected == signed(given), situation


@pytest.mark.parametrize(
    "situation, expected, body, path",
    [
        ("its hash is in the query", True, b'{"a":1}', json_path(b'{"a":1}')),
        ("another body's hash", False, b'{"a":2}', json_path(b'{"a":1}')),
        ("no hash at all", False, b'{"a":1}', "/json"),
        ("an empty hash", False, b'{"a":1}', "/json?bodySHA256="),
        ("an empty body needs no hash", True, b"", "/json"),
    ],
)
def test_a_json_body_must_be_hashed_in_the_signed_address(
    situation: str, expected: bool, body: bytes, path: str
) -> None:
    assert expected == signed(signature((), url=BASE + path), body=body, path=path), situation


def test_either_token_of_a_rotation_is_accepted() -> None:
    both = (TOKEN, OTHER)
    assert [signed(signature(token=token), tokens=both) for token in both] == [True, True]


def test_without_any_token_nothing_is_signed() -> None:
    assert not signed(signature(token=""), tokens=())


def test_the_tokens_come_from_the_settings() -> None:
    settings = load(
        {
            "DATABASE_URL": "postgresql://localhost/x",
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_AUTH_TOKEN_SECONDARY": OTHER,
        }
    )
    assert tokens_of(settings) == (TOKEN, OTHER)
    assert tokens_of(load({"DATABASE_URL": "postgresql://localhost/x"})) == ()

"""What numbers said last about being texted: in the ledger, and those that were erased."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from messaging.domain.consent import ALL, Consent, Said, last_word
from messaging.domain.erasure import Keyring
from messaging.domain.job import Phone
from messaging.postgres import consent, erasure
from messaging.postgres.erasure import ErasedSaying
from messaging.postgres.jobs import Postgres


def standings(
    conn: Postgres, phones: Iterable[Phone], keyring: Keyring
) -> Mapping[Phone, tuple[Said, ...]]:
    """What these numbers said last; those that said nothing are missing.

    The keyed hashes are asked for only where opt-outs of erased numbers are kept. Raises
    Misconfigured where one of their keys is not in the keyring: then nobody knows whom not to text.
    """
    asked = set(phones)
    found = consent.standings(conn, asked)
    if not found.keys:
        return found.said
    keyring.require(found.keys)
    said = dict(found.said)
    known_as = by_hash(asked, keyring)
    for phone, words in _by_number(known_as, erasure.sayings(conn, list(known_as))).items():
        said[phone] = (*said.get(phone, ()), *words)
    return said


def by_hash(phones: Iterable[Phone], keyring: Keyring) -> Mapping[str, Phone]:
    """These numbers by the keyed hashes that they may be known by."""
    return {whom: phone for phone in phones for whom in keyring.whoms(phone)}


def opted_out(known_as: Mapping[str, Phone], sayings: Iterable[ErasedSaying]) -> frozenset[Phone]:
    """Those of these numbers whose opt-out is not in the ledger, because they were erased."""
    said = _by_number(known_as, sayings)
    return frozenset(
        phone for phone, words in said.items() if last_word(words, ALL) is Consent.OPTED_OUT
    )


def _by_number(
    known_as: Mapping[str, Phone], sayings: Iterable[ErasedSaying]
) -> Mapping[Phone, list[Said]]:
    said = defaultdict[Phone, list[Said]](list)
    for one in sayings:
        said[known_as[one.whom]].append(one.said)
    return said

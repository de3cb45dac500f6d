"""What numbers said last about being texted: in the ledger, and those that were erased."""

from collections.abc import Iterable, Mapping

from messaging.domain.consent import Said
from messaging.domain.erasure import Keyring
from messaging.domain.job import Phone
from messaging.postgres import consent, erasure
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
    known_as = {whom: phone for phone in asked for whom in keyring.whoms(phone)}
    for one in erasure.sayings(conn, list(known_as)):
        phone = known_as[one.whom]
        said[phone] = (*said.get(phone, ()), one.said)
    return said

"""Pages in a browser on this machine: what they send here, nobody has asked for.

A page of any site may post to 127.0.0.1, and one whose name its owner points at 127.0.0.1 may read
the answers too (DNS rebinding). Browsers say in their headers where a request comes from and what
name it was sent to; no other client has a reason to name a site.
"""

import re
from collections.abc import Mapping

HEADERS = (b"host", b"origin", b"sec-fetch-site")
"""The headers that tell; in lower case, as in `is_from_a_page`."""

_OWN_SITE = (b"same-origin", b"none")
_HERE = re.compile(rb"(?:[0-9.]+|\[[0-9a-f:.]+\]|[a-z0-9_-]+)(?::\d+)?", re.IGNORECASE)
"""An address, or a name that is none on the internet, such as localhost or a container's."""


def is_from_a_page(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser sends it for a page of another site."""
    origin = headers.get(b"origin")
    if origin is not None and origin != b"http://" + headers.get(b"host", b""):
        return True
    return headers.get(b"sec-fetch-site", b"none") not in _OWN_SITE


def has_strange_name(headers: Mapping[bytes, bytes]) -> bool:
    """Whether it was sent to a name of the internet; a client that names none is no browser."""
    host = headers.get(b"host")
    return host is not None and not _HERE.fullmatch(host)

"""Hosts with a network of their own: Linux's network namespaces, whose cables end at one switch.

A namespace is there as long as a process is in it, and its cables with it: nothing is left of them
when the processes have ended, in whatever way. Nobody outside reaches what listens in there.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

from messaging.errors import Refused, Unreachable

_ADDRESSES = ip_network("198.18.0.0/15")
"""RFC 2544, appendix C.2.2: for measurements of networks, and nobody's in the internet."""
SERVERS = str(_ADDRESSES[1])
"""The address of the first host, where the switch is."""
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
"""Where programs are looked for: most users' own has no folders of root's programs."""
_AS_A_USER = ("--user", "--map-current-user", "--keep-caps")
"""unshare(1): no right over the machine, and all of them over what is made inside."""
_SWITCH = (
    "link set lo up",
    "link add name switch type bridge",
    f"address add {SERVERS}/{_ADDRESSES.prefixlen} dev switch",
    "link set switch up",
)


def entrance(path: str = PATH, system: str = sys.platform) -> tuple[str, ...]:
    """What starts the program after it on the first host of a new network, without a switch yet.

    Raises Refused where this system, or what this user may do, has no network namespaces.
    """
    if system != "linux":
        raise _refused(f"this is {system}")
    ip, unshare, _ = (_program(name, path) for name in ("ip", "unshare", "nsenter"))
    rights = () if os.geteuid() == 0 else _AS_A_USER
    command = (unshare, *rights, "--net", "--")
    tried = _run((*command, ip, "-batch", "-"), [*_SWITCH, _cable("try")])
    if tried.returncode:
        raise _refused(f"they cannot be made: {' '.join(tried.stderr.split())}")
    return command


def address(number: int) -> str:
    """The address of a host, from 1 on, that is connected to the switch."""
    return str(_ADDRESSES[number + 1])


def open_switch() -> None:
    """Make the switch, on the host that this process is on.

    Raises Refused where that host is in use, as the machine itself is, Unreachable if it fails.
    """
    if _run((_program("ip"), "link", "show", "up"), ()).stdout:  # on a new host, nothing is
        raise Refused("Hosts are measured in a network of their own: messaging bench --only hosts.")
    _ip((), _SWITCH)


def vacant() -> tuple[str, ...]:
    """A program that is a host of its own, without a cable, and does nothing else."""
    return (_program("unshare"), "--net", "--", _program("sleep"), "infinity")


def is_elsewhere(pid: int) -> bool:
    """Whether this process is on another host than we are."""
    here, there = (Path(f"/proc/{whose}/ns/net").readlink() for whose in ("self", pid))
    return here != there


def connect(pid: int, number: int) -> None:
    """Lay a cable from the switch to the host of this process, and give that its address.

    Raises Unreachable if it fails.
    """
    port = f"port{number}"
    _ip((), [f"{_cable(port)} netns {pid}", f"link set {port} master switch up"])
    there = f"address add {address(number)}/{_ADDRESSES.prefixlen} dev uplink"
    _ip(on_host_of(pid), ["link set lo up", there, "link set uplink up"])


def on_host_of(pid: int) -> tuple[str, ...]:
    """What starts the program after it on the host of this process."""
    return (_program("nsenter"), f"--net=/proc/{pid}/ns/net", "--")


def _cable(name: str) -> str:
    return f"link add name {name} type veth peer name uplink"


def _ip(where: Sequence[str], lines: Sequence[str]) -> None:
    done = _run((*where, _program("ip"), "-batch", "-"), lines)
    if done.returncode:
        raise Unreachable(f"The network of a measurement could not be made: {done.stderr.strip()}")


def _run(command: Sequence[str], lines: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, check=False
    )


def _program(name: str, path: str = PATH) -> str:
    """Where a program is. Raises Refused where it is nowhere."""
    found = shutil.which(name, path=path)
    if found is None:
        raise _refused(f"there is no program {name}")
    return found


def _refused(why: str) -> Refused:
    return Refused(
        "Workers on hosts of their own need network namespaces: Linux, the programs ip (iproute2), "
        f"unshare and nsenter (util-linux), and root or user namespaces. Here {why}."
    )

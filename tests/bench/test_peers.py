"""Peers: when they take part, and what is said. Node and npm are stand-ins."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from messaging.errors import Misconfigured
from messaging.local.bench import peers
from messaging.local.bench.peers import Peers

NODE = "#!/bin/sh\necho v20.1.2\n"
NPM = """#!/bin/sh
echo "$*" >>"$NOTES"
/bin/mkdir -p node_modules/bullmq
"""
BROKEN_NPM = "#!/bin/sh\necho 'npm error 404 not found'; exit 1\n"


class Place:
    """A machine as far as its PATH and its cache go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        (folder / "bin").mkdir()

    def have(self, name: str, script: str) -> None:
        """Put a stand-in on the PATH."""
        path = self.folder / "bin" / name
        path.write_text(script)
        path.chmod(0o755)

    def ready(self, name: str, *, wanted: bool, has_procrastinate: bool = True) -> Peers:
        """What a measurement finds, with the programs in a folder of this name."""
        environment = {
            "PATH": str(self.folder / "bin"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "NOTES": str(self.folder / "notes"),
        }
        return peers.ready(
            self.folder / name,
            self.said.append,
            wanted=wanted,
            environment=environment,
            find=lambda package: has_procrastinate or package != "procrastinate" or None,
        )

    @property
    def installed(self) -> list[str]:
        """What npm was told, a line each time."""
        notes = self.folder / "notes"
        return notes.read_text().splitlines() if notes.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Without node and npm."""
    return Place(tmp_path)


def test_without_the_option_they_are_left_out_and_nothing_is_installed(place: Place) -> None:
    place.have("node", NODE)
    place.have("npm", NPM)
    assert Peers() == place.ready("programs", wanted=False)
    assert [
        "BullMQ and graphile-worker are left out: --peers lets them take part.",
        "procrastinate is left out: --peers lets it take part.",
    ] == place.said
    assert [] == place.installed


def test_without_node_it_is_said_that_they_could_not_take_part(place: Place) -> None:
    assert Peers() == place.ready("programs", wanted=False)
    assert (
        "BullMQ and graphile-worker are left out: node and npm cannot be found here."
        == place.said[0]
    )


@pytest.mark.parametrize("wanted", [True, False])
def test_without_procrastinate_it_is_said_how_to_install_it(place: Place, wanted: bool) -> None:
    place.have("node", NODE)
    place.have("npm", NPM)
    found = place.ready("programs", wanted=wanted, has_procrastinate=False)
    assert (wanted, False) == (found.node is not None, found.has_procrastinate)
    assert "procrastinate" not in found.versions()
    assert (
        "procrastinate is left out: it is not installed here, which pip install "
        "'messaging[bench]' changes." == place.said[-1]
    )


def test_whoever_wants_them_without_node_is_told_what_is_missing(place: Place) -> None:
    place.have("npm", NPM)
    with pytest.raises(Misconfigured, match=r"needs Node\.js, but node cannot be found"):
        place.ready("programs", wanted=True)


def test_packages_are_installed_once_and_stand_beside_the_programs(place: Place) -> None:
    place.have("node", NODE)
    place.have("npm", NPM)
    for name in ("first", "second"):
        node = place.ready(name, wanted=True).node
        assert node
        assert (place.folder / name / "node_modules" / "bullmq").is_dir()
        program, file = node.argv("bullmq-worker.js")
        assert (str(place.folder / "bin" / "node"), True) == (program, Path(file).is_file())
    assert 1 == len(place.installed)
    assert 1 == len(list((place.folder / "cache").glob("messaging/bench-node/*")))


def test_what_npm_complains_of_is_told_and_nothing_half_is_kept(place: Place) -> None:
    place.have("node", NODE)
    place.have("npm", BROKEN_NPM)
    with pytest.raises(Misconfigured, match="npm error 404 not found"):
        place.ready("programs", wanted=True)
    assert [] == list((place.folder / "cache").glob("messaging/bench-node/*"))


def test_the_versions_are_those_of_node_and_of_all_packages(place: Place) -> None:
    place.have("node", NODE)
    place.have("npm", NPM)
    found = place.ready("programs", wanted=True)
    assert found.node
    wanted = json.loads((found.node.folder / "package.json").read_text())["dependencies"]
    here = {name: version(name) for name in ("procrastinate", "aiohttp")}
    assert {"node": "20.1.2", **wanted, **here} == found.versions()
    assert [] == [version for version in wanted.values() if not version[0].isdigit()]

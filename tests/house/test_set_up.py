"""`make up` and `make test` on machines that lack something: what is chosen, and what is said.

The interpreters are stand-ins that answer the questions of `.ci/set-up` and note what they were
told to do; the shell, `make` and the folders are real.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT

TOOLS = ("sh", "make", "cat", "cksum", "dirname", "grep", "mkdir", "rm")

STAND_IN = """#!/bin/sh
# Python {version}; "lacks" is what it cannot do.
case "$*" in
    *"import sys; sys.exit"*) {is_new} ;;
    *print*) echo {version} ;;
    *ensurepip*) {has_ensurepip} ;;
    *"-m venv"*)
        mkdir -p .venv/bin
        cat "$0" >.venv/bin/python
        chmod +x .venv/bin/python
        echo "VIRTUAL_ENV=$(pwd -P)/.venv" >.venv/bin/activate ;;
    *"pip"*install*) echo "{version} $*" >>installed; {installs} ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with a space in its name, with `bin` as its whole PATH and the project's set-up."""
    folder = tmp_path / "a machine"
    (folder / "bin").mkdir(parents=True)
    (folder / "project" / ".ci").mkdir(parents=True)
    for tool in (*TOOLS, "chmod"):
        (folder / "bin" / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    for name in ("Makefile", ".ci/set-up", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / "project" / name)
    return folder


def have_python(
    machine: Path, name: str, version: str, *, ensurepip: bool = True, installs: bool = True
) -> None:
    """Puts a stand-in for an interpreter on the machine's PATH."""
    text = STAND_IN.format(
        version=version,
        is_new="true" if tuple(map(int, version.split("."))) >= (3, 11) else "false",
        has_ensurepip="true" if ensurepip else "false",
        installs="true" if installs else "false",
    )
    path = machine / "bin" / name
    path.write_text(text)
    path.chmod(0o755)


def set_up(machine: Path, extra: str = "local", **environment: str) -> tuple[int, str]:
    """Runs the set-up there: its exit code and what it said."""
    run = subprocess.run(
        ["/bin/sh", ".ci/set-up", extra],
        cwd=machine / "project",
        env={"PATH": str(machine / "bin"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def installed(machine: Path) -> list[str]:
    """What pip was told, a line each, the version of Python first."""
    notes = machine / "project" / "installed"
    return notes.read_text().splitlines() if notes.exists() else []


def test_the_newest_python_is_chosen(machine: Path) -> None:
    have_python(machine, "python3", "3.9")
    have_python(machine, "python3.12", "3.12")
    have_python(machine, "python3.13", "3.13")
    assert (0, "Setting up .venv with Python 3.13: once, and less than a minute.\n") == set_up(
        machine
    )
    (line,) = installed(machine)
    assert line.startswith("3.13 ")
    assert line.endswith("--editable .[local]")


def test_one_that_cannot_make_environments_is_passed_over(machine: Path) -> None:
    have_python(machine, "python3.13", "3.13", ensurepip=False)
    have_python(machine, "python3.12", "3.12")
    assert "Python 3.12" in set_up(machine)[1]


def test_the_second_time_nothing_is_said_or_done(machine: Path) -> None:
    have_python(machine, "python3", "3.11")
    set_up(machine)
    assert (0, "") == set_up(machine)
    assert 1 == len(installed(machine))


@pytest.mark.parametrize(
    ("there", "wanted", "is_enough"),
    [
        ("test", "local", True),
        ("test", "bench", True),
        ("bench", "local", True),
        ("bench", "test", False),
        ("local", "bench", False),
    ],
)
def test_packages_that_have_those_that_are_wanted_are_enough(
    machine: Path, there: str, wanted: str, is_enough: bool
) -> None:
    have_python(machine, "python3", "3.11")
    set_up(machine, there)
    code, said = set_up(machine, wanted)
    assert (0, is_enough) == (code, said == "")


def test_changed_requirements_are_installed_into_the_same_environment(machine: Path) -> None:
    have_python(machine, "python3", "3.11")
    set_up(machine)
    kept = machine / "project" / ".venv" / "kept"
    kept.touch()
    with (machine / "project" / "pyproject.toml").open("a") as file:
        file.write("# one more line\n")
    assert 0 == set_up(machine)[0]
    assert (2, True) == (len(installed(machine)), kept.exists())


def test_a_folder_that_moved_gets_a_new_environment(machine: Path) -> None:
    have_python(machine, "python3", "3.11")
    set_up(machine)
    (machine / "project").rename(machine / "moved")
    (machine / "moved").rename(machine / "project 2")
    run = subprocess.run(
        ["/bin/sh", ".ci/set-up", "local"],
        cwd=machine / "project 2",
        env={"PATH": str(machine / "bin")},
        check=False,
    )
    activate = (machine / "project 2" / ".venv" / "bin" / "activate").read_text()
    assert (0, True) == (run.returncode, "project 2" in activate)


def test_a_failed_installation_is_tried_again(machine: Path) -> None:
    have_python(machine, "python3", "3.11", installs=False)
    code, said = set_up(machine)
    assert (1, True) == (code, "could not be installed" in said)
    shutil.rmtree(machine / "project" / ".venv")
    have_python(machine, "python3", "3.11")
    assert 0 == set_up(machine)[0]


@pytest.mark.parametrize(("works", "expected"), [(True, []), (False, ["3.11"])])
def test_uv_does_the_work_where_it_is_and_pip_where_it_fails(
    machine: Path, works: bool, expected: list[str]
) -> None:
    have_python(machine, "python3", "3.11")
    uv = machine / "bin" / "uv"
    uv.write_text(f"#!/bin/sh\n{'exec python3 -m venv' if works else 'exit 2'}\n")
    uv.chmod(0o755)
    assert 0 == set_up(machine)[0]
    assert expected == [line.split()[0] for line in installed(machine)]


@pytest.mark.parametrize(
    ("name", "version", "ensurepip", "expected"),
    [
        (
            "python",
            "3.13",
            True,
            "Python 3.11 or later is needed, and there is none on the PATH.",
        ),
        (
            "python3",
            "3.9",
            True,
            "Python 3.11 or later is needed, and there is none on the PATH (python3 is 3.9).",
        ),
        ("python3.12", "3.12", False, "    sudo apt-get install python3.12-venv"),
    ],
)
def test_a_machine_that_lacks_python_is_told_what_to_do(
    machine: Path, name: str, version: str, ensurepip: bool, expected: str
) -> None:
    have_python(machine, name, version, ensurepip=ensurepip)
    code, said = set_up(machine)
    assert 1 == code
    assert expected in said.splitlines()


def test_the_python_that_is_asked_for_is_taken_or_refused(machine: Path) -> None:
    have_python(machine, "python3", "3.13")
    have_python(machine, "other python", "3.11")
    have_python(machine, "old", "3.10")
    assert "Python 3.11" in set_up(machine, PYTHON="other python")[1]
    assert 1 == set_up(machine, PYTHON="old")[0]
    assert "Python 3.13" in set_up(machine, PYTHON="python3")[1]


def test_make_alone_says_what_there_is() -> None:
    alone = {"PATH": os.environ["PATH"]}  # and not as a part of the make that runs these tests
    run = subprocess.run(["make"], cwd=ROOT, env=alone, capture_output=True, text=True, check=True)
    assert ["make up", "make test", "make compat", "make pooler", "make bench", "make clean"] == [
        " ".join(line.split()[:2]) for line in run.stdout.splitlines()[:6]
    ]

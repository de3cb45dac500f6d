"""What starts the processes elsewhere agrees with the Procfile, the settings and the schemas."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.environment import CONTAINERS, is_known
from tests.house.processes import (
    COMPOSE,
    WORKFLOW,
    Container,
    containers,
    interpolated,
    named_volumes,
    procfile,
)
from tests.house.tree import ROOT, expect_none

OURS = [container for container in containers() if container.image == "messaging"]
IMAGES_OWN = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
"""Names that the postgres image reads."""


def by_name(name: str) -> Container:
    """The service of that name."""
    return next(container for container in containers() if container.name == name)


@pytest.mark.parametrize(
    ("schema", "path"),
    [("vendor.compose-spec", COMPOSE), ("vendor.github-workflows", WORKFLOW)],
    ids=["compose", "workflow"],
)
def test_the_file_fits_its_published_schema(schema: str, path: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    run = subprocess.run(check, capture_output=True, text=True, check=False)
    assert 0 == run.returncode, run.stdout + run.stderr


def test_the_procfile_names_the_five_processes() -> None:
    assert ["web", "worker", "bridge", "beat", "flower"] == list(procfile())


@pytest.mark.parametrize("name", procfile())
def test_a_container_runs_what_the_procfile_runs(name: str) -> None:
    assert procfile()[name] == by_name(name).command


def test_a_container_waits_only_for_services_that_are_there_and_healthy() -> None:
    names = {container.name: container for container in containers()}
    conditions = {True: "service_healthy", False: "service_completed_successfully"}
    expect_none(
        f"{container.name} waits for {other}: {condition}"
        for container in containers()
        for other, condition in container.needs.items()
        if other not in names or condition != conditions[names[other].has_health_check]
    )


def test_every_process_waits_for_the_migrations() -> None:
    waiting = {container.name for container in OURS if "migrate" in container.needs}
    assert set(procfile()) == waiting


def test_every_container_is_watched_and_restarted_but_the_one_that_ends() -> None:
    watched = {container.name for container in containers() if container.has_health_check}
    restarted = {
        container.name for container in containers() if container.restart == "unless-stopped"
    }
    everything_else = {container.name for container in containers()} - {"migrate"}
    assert (everything_else, everything_else) == (watched, restarted)


def test_only_web_and_flower_are_published_and_only_on_this_machine() -> None:
    published = {container.name: container.ports for container in containers() if container.ports}
    assert {"web", "flower"} == set(published)
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_every_environment_name_in_the_containers_is_read_by_something() -> None:
    ours = {name for container in OURS for name in container.environment}
    others = {name for container in containers() for name in container.environment} - ours
    expect_none(name for name in ours if not is_known(name))
    expect_none(others - IMAGES_OWN)


def test_every_name_that_compose_fills_in_is_documented() -> None:
    expect_none(name for name in interpolated() if name not in CONTAINERS and not is_known(name))


def test_every_volume_is_declared_and_used() -> None:
    used = {volume for container in containers() for volume in container.volumes}
    assert named_volumes() == used


def test_the_image_is_built_from_files_that_reach_the_builder() -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copies = [
        line.split()[1:-1]
        for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    copied = {name for names in copies for name in names}
    assert {line[1:] for line in allowed if line.startswith("!")} == copied
    expect_none(name for name in copied if not (ROOT / name).exists())


def test_the_image_runs_as_an_unprivileged_user() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "USER messaging" in lines[lines.index("FROM python:3.13-slim") :]

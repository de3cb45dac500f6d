"""The invariants bite: every way to break the product is found, by hand or by search."""

from dataclasses import replace

import pytest
from hypothesis import Phase, settings

from messaging.postgres.named import queries
from tests.state.broken import BROKEN, Broken, a_request_that_arrives_late
from tests.state.machine import Few
from tests.state.story import Story
from tests.state.test_any_order import QUICK, run
from tests.state.world import World

UNTIL_FOUND = settings(QUICK, max_examples=200, phases=[Phase.generate], report_multiple_bugs=False)
BY_SEARCH = ("a settle that does not ask for the status",)


def break_it(broken: Broken, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for named in map(queries, ("jobs", "kept")):
        if broken.where in named:
            source = named[broken.where]
            assert broken.old in source
            monkeypatch.setitem(named, broken.where, source.replace(broken.old, broken.new))
            return
    definition = "select pg_get_functiondef(%s::regprocedure)"
    row = world.db.execute(definition, [broken.where]).fetchone()
    assert row is not None
    assert broken.old in row[0]
    world.db.execute(row[0].replace(broken.old, broken.new))


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found_and_nothing_is_before(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    broken = BROKEN[name]
    sound = Story(world)
    broken.story(sound)
    sound.end()
    break_it(broken, world, monkeypatch)
    with pytest.raises(AssertionError, match=broken.found):
        broken.story(Story(world))


def test_asking_twilio_too_soon_is_found(world: World) -> None:
    hasty = world.settings.model_copy(update={"quiescence": 1.0})
    world.rt = replace(world.rt, settings=hasty)
    with pytest.raises(AssertionError, match="Twilio took 'text 1' 2 times, not 1"):
        a_request_that_arrives_late(Story(world))


@pytest.mark.parametrize("name", BY_SEARCH)
def test_what_is_broken_is_found_in_any_order(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    broken = BROKEN[name]
    break_it(broken, world, monkeypatch)
    with pytest.raises(AssertionError, match=broken.found):
        run(Few, world, UNTIL_FOUND)

"""What Twilio may do next with requests under way and with the texts that it took."""

from collections.abc import Iterator

from tests.model.decisions import ALTERED, OWN, WITHOUT
from tests.model.rules import Rules
from tests.model.state import WAITING, Move, State, Text
from tests.model.statements import record_receipt
from tests.model.workers import answered, put

_MOST_TEXTS = 4


def moves(rules: Rules, state: State) -> Iterator[Move]:
    """Twilio's steps: each request is taken or not, with or without an answer; callbacks."""
    for number, worker in enumerate(state.workers):
        if worker.at == WAITING:
            yield from _decide(rules, state, number)
    for age in dict.fromkeys(state.flights):
        yield from _decide_unwatched(rules, state, age)
    if state.text.taken:
        yield from _call_back(rules, state)


def lists(rules: Rules, text: Text) -> dict[str, bool]:
    """What a full read of Twilio's list may show, and whether it is what comes in the end."""
    if not text.taken or not rules.reads_list:
        return {WITHOUT: True}
    shown = ALTERED if text.altered else OWN
    if text.age > rules.times.list_lag:
        return {shown: True}
    return {shown: True, WITHOUT: False}


def _decide(rules: Rules, state: State, number: int) -> Iterator[Move]:
    worker, whose = state.workers[number], f"worker {number + 1}'s request"
    heard = put(state, number, answered(rules, worker, "accepted"))
    unheard = put(state, number, answered(rules, worker, "no answer"))
    for text, how in _taken(rules, state.text):
        yield Move(f"Twilio takes {whose}{how}, and says so", heard._replace(text=text), True)
        yield Move(f"Twilio takes {whose}{how}; its answer is lost", unheard._replace(text=text))
    for word in ("refused (21211)", "too many requests (429)", "HTTP 500"):
        after = put(state, number, answered(rules, worker, word))
        yield Move(f"Twilio does not take {whose}: {word}", after)


def _decide_unwatched(rules: Rules, state: State, age: int) -> Iterator[Move]:
    flights = list(state.flights)
    flights.remove(age)
    after = state._replace(flights=tuple(flights))
    whose = "a request that nobody waits for"
    for text, how in _taken(rules, state.text):
        yield Move(f"Twilio takes {whose}{how}", after._replace(text=text), True)
    yield Move(f"{whose} is lost", after)


def _taken(rules: Rules, text: Text) -> Iterator[tuple[Text, str]]:
    taken = min(text.taken + 1, _MOST_TEXTS)
    age = text.age if text.taken else 0
    yield text._replace(taken=taken, age=age), ""
    if rules.bodies_altered and not text.taken:
        yield Text(taken, age, True), " and alters its body"


def _call_back(rules: Rules, state: State) -> Iterator[Move]:
    """A callback, early or late, for the first time or again. It is lost if it never comes."""
    job = record_receipt(rules, state.job)
    text = state.text._replace(called=rules.prompt_callbacks)
    if (after := state._replace(job=job, text=text)) != state:
        yield Move("Twilio calls back", after, rules.prompt_callbacks)

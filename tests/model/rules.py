"""What is being explored: the protocol, with each of its safeguards, and the world around it."""

from dataclasses import dataclass
from datetime import timedelta

from messaging.domain.job import InDoubtPolicy

TICK = timedelta(seconds=15)
"""What one tick of the model's time stands for."""
MAX_RETRIES = 1
"""Retries of the job for failures of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The protocol's times, in ticks since a claim was committed.

    The defaults are the product's, rounded against it: 5 s become a whole tick, and Twilio may
    use up all that is left until the quiescence time has passed.
    """

    deadline: int = 1
    """From this age on a request is not begun."""
    flight: int = 1
    """Ticks after its write within which Twilio takes a request, or never does."""
    list_lag: int = 2
    """Ticks during which Twilio's list may leave out a text that Twilio took."""
    send_lease: int = 3
    """From this age on the sweep takes a job out of processing."""
    quiescence: int = 4
    """From this age on a full read that does not show the text is proof."""


# Compared by identity: the decisions that are kept by it are looked up millions of times.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """The protocol as it is; a variant takes one safeguard away, or widens the world."""

    times: Times = Times()
    policy: InDoubtPolicy = InDoubtPolicy.RECONCILE

    # The size of the world.
    workers: int = 2
    reconcilers: int = 1
    queue: bool = False
    """Follow the job's queue entry and its hints. Else every worker always has a hint."""
    cancels: bool = True
    """A caller may cancel at any moment."""
    person: bool = False
    """A person decides about jobs that are held, or in doubt."""
    bodies_altered: bool = False
    """Twilio may change the body of a text, so that its list shows it with another one."""
    prompt_callbacks: bool = False
    """A callback comes within a tick. Else it may come at any moment, twice, or never."""
    pause: int = 0
    """Ticks that a worker may stand still exactly between its last check and its write."""
    failover: bool = False
    """Postgres may lose its last commit: a claim that a worker goes by."""

    # The safeguards.
    intention: bool = True
    """The claim is committed before the request is written."""
    exclusive_claim: bool = True
    """A claim wants the job to be pending; else a hint is enough."""
    checks_deadline: bool = True
    """Whoever holds a claim for too long does not write."""
    doubts: bool = True
    """A request without an answer is in doubt; else it counts as not sent."""
    no_answer_is_sent: bool = False
    """A request without an answer counts as sent."""
    gives_up: bool = False
    """A request without an answer counts as refused."""
    fence: bool = True
    """A settle names the attempt and the status that it expects."""
    sweeps: bool = True
    """Jobs whose worker does not come back are found."""
    sweep_retries: bool = False
    """The sweep takes a dead worker's job for not sent."""
    reconciles: bool = True
    """Somebody looks at jobs in doubt."""
    waits_for_quiet: bool = True
    """Proof wants two clean reads, the last one late enough; else one clean read is enough."""
    reads_list: bool = True
    """Proof wants Twilio's list; else time alone is enough."""
    errors_prove_nothing: bool = True
    """A list that does not answer is no clean read."""
    heeds_strangers: bool = True
    """A listed text that may be this one with another body is not ignored."""
    limits_resends: bool = True
    """After two resends out of doubt a person decides."""
    heeds_early_callbacks: bool = True
    """A callback counts by the job in its URL, before the SID is known."""
    cancel_waits: bool = True
    """A job that somebody may be sending is canceled once it is known that it was not sent."""
    person_looks: bool = True
    """A person has it sent again only if Twilio has nothing of it and will not get anything."""
    entry_outlives_claim: bool = True
    """The queue entry is deleted by the settle; else when it is handed out."""
    deletes_by_entry: bool = True
    """What was decided about one queue entry deletes that one, not a later one of the job."""
    restores: bool = True
    """Pending jobs without an entry get a new one, and somebody deletes entries now and then."""

"""Who is hurt: our service, or plain Celery in its place."""

from collections.abc import Sequence
from typing import Protocol

from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.local.chaos.crew import Post
from messaging.local.chaos.plan import Victim
from messaging.local.chaos.records import Records
from messaging.local.chaos.texts import Handful

VISIBILITY = 10
"""Seconds until a task of plain Celery that nobody has acknowledged is handed out again."""


class Again(Exception):
    """A handful could not be handed over just now, or perhaps was: try it again."""


class Side(Protocol):
    """A way to send texts that are rows in Postgres, as processes that can be killed."""

    name: str

    def close(self) -> None:
        """Let go of what was opened."""

    def posts(self) -> Sequence[Post]:
        """Everybody who is to be there; each victim of the plan has one."""

    def stand_in(self, victim: Victim) -> Victim:
        """Who is killed in this one's place, where there is no such process."""

    def is_ready(self) -> bool:
        """Whether texts may be handed over."""

    def hand_over(self, conn: Connection[TupleRow], handful: Handful) -> None:
        """Store a handful and have it sent, except texts that are there already.

        Raises psycopg.Error or Again where it is to be tried again.
        """

    def under_way(self, conn: Connection[TupleRow]) -> int:
        """How many texts are still to be sent, as far as the sender knows."""

    def decide(self, conn: Connection[TupleRow]) -> int:
        """Do what a person does with texts that wait for one; how many they were."""

    def records(self, conn: Connection[TupleRow]) -> tuple[set[str], Records]:
        """The keys of all texts that are stored, and what is known of them."""

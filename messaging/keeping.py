"""The settings of how long things are kept, and of the replica that is read from."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from messaging.addressing import readable, why_no_replica
from messaging.domain.keeping import Times
from messaging.setting_groups import named

_ReplicaUrl = Annotated[SecretStr, AfterValidator(readable(why_no_replica))]
Days = Annotated[int, Field(ge=0, le=36_500)]
_SHORTEST = 7
"""Days. Receipts come days later, and whoever compares after a restore needs what was sent."""


class ReplicaSettings(BaseModel):
    """A replica."""

    database_read_url: _ReplicaUrl | None = Field(
        None,
        validation_alias=named("DATABASE_READ_URL"),
        description="A replica of the database, for figures and for showing messages.",
    )


class KeepingSettings(BaseModel):
    """How long things are kept."""

    keep_jobs_days: Days = Field(
        0,
        validation_alias=named("MESSAGING_KEEP_JOBS_DAYS"),
        description="Delete ended messages, with their journals, after so many days; 0 for never.",
    )
    keep_journal_days: Days = Field(
        0,
        validation_alias=named("MESSAGING_KEEP_JOURNAL_DAYS"),
        description="Delete the journals of ended messages after so many days; 0 for never.",
    )
    keep_dead_days: Days = Field(
        0,
        validation_alias=named("MESSAGING_KEEP_DEAD_LETTERS_DAYS"),
        description="Delete dead letters that nobody has seen to after so many days; 0 for never.",
    )
    keep_processes_days: Days = Field(
        30,
        validation_alias=named("MESSAGING_KEEP_PROCESSES_DAYS"),
        description="Forget processes that have been silent for so many days; 0 for never.",
    )

    @property
    def keeps_jobs(self) -> timedelta | None:
        """How long ended messages are kept; None for good, as below."""
        return _time(self.keep_jobs_days)

    @property
    def keeps_journal(self) -> timedelta | None:
        """How long the journals of ended messages are kept."""
        return _time(self.keep_journal_days)

    @property
    def keeps_dead(self) -> timedelta | None:
        """How long dead letters are kept that nobody has seen to."""
        return _time(self.keep_dead_days)

    @property
    def keeps_processes(self) -> timedelta | None:
        """How long processes are remembered that give no sign of life."""
        return _time(self.keep_processes_days)

    @property
    def keeps_for_a_time(self) -> bool:
        """Whether messages, their journals or dead letters are deleted at all."""
        return any((self.keeps_jobs, self.keeps_journal, self.keeps_dead))

    @property
    def times(self) -> Times:
        """All of them."""
        return Times(
            jobs=self.keeps_jobs,
            journal=self.keeps_journal,
            dead=self.keeps_dead,
            processes=self.keeps_processes,
        )

    def misfits_of_keeping(self) -> Iterator[str]:
        """What is too short to be safe, a sentence each."""
        for name, days in (
            ("MESSAGING_KEEP_JOBS_DAYS", self.keep_jobs_days),
            ("MESSAGING_KEEP_JOURNAL_DAYS", self.keep_journal_days),
            ("MESSAGING_KEEP_DEAD_LETTERS_DAYS", self.keep_dead_days),
        ):
            if 0 < days < _SHORTEST:
                yield (
                    f"{name} must be 0, for good, or at least {_SHORTEST}: receipts come days "
                    "later, and after a restore it must be known what was sent."
                )


def _time(days: int) -> timedelta | None:
    return timedelta(days=days) if days else None

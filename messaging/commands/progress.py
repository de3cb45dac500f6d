"""A bar while a file is read, for whoever watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeRemainingColumn,
)
from rich.text import Text

from messaging.commands.screen import Screen


class _Speed(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """Nothing until it is known."""
        return Text(f"{task.speed:,.0f} rows/s" if task.speed else "", "dim")


@contextmanager
def progress(screen: Screen, total: int) -> Iterator[Callable[[int], None]]:
    """Gives the function that moves the bar on by so many rows; without a terminal, no bar."""
    if not screen.is_watched:
        yield lambda _: None
        return
    with Progress(
        BarColumn(bar_width=30, complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(compact=True),
        console=screen.err,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda rows: bar.advance(task, rows)

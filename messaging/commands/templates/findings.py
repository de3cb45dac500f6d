"""What linting finds, as people read it."""

from collections.abc import Iterator, Sequence

from messaging.commands.screen import Screen
from messaging.domain.linting import Found, Level, Lint, Size
from messaging.domain.wording import count


def show(screen: Screen, lint: Lint, name: str = "") -> None:
    """Each finding, and the sizes of the texts, beside the command's result."""
    for found in lint.findings:
        say = screen.bad if found.level is Level.ERROR else screen.doubtful
        say(_where(name, found) + found.what)
    for line in sizes(lint.sizes):
        screen.note(f"  {name + ': ' if name else ''}{line}", "dim")


def sizes(given: Sequence[Size]) -> Iterator[str]:
    """A line for each text."""
    for size in given:
        language = f"{size.language}: " if size.language else ""
        yield f"{language}{_parts(size)}"


def refusal(found: Sequence[Found]) -> str:
    """What is wrong, in one text of several lines."""
    return "\n".join(_where("", one) + one.what for one in found)


def _parts(size: Size) -> str:
    if size.unbounded:
        least = f"at least {count(size.best, 'part')}"
        return f"{least}; {', '.join(size.unbounded)} may be of any length: declare a max_length"
    if size.best == size.worst:
        return count(size.worst, "part")
    return f"{size.best} to {count(size.worst, 'part')}, at most {size.characters:,} characters"


def _where(name: str, found: Found) -> str:
    return "".join(f"{part}: " for part in (name, found.where) if part)

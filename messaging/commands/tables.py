"""Tables as all commands draw them: columns with space between, no lines, names in grey."""

from rich.table import Table


def grid() -> Table:
    """A table without a heading: a name, a value, a remark."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    return table


def columns(*names: str) -> Table:
    """A table with a heading; a name that begins with > heads a column of numbers."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for name in names:
        right = name.startswith(">")
        table.add_column(name.removeprefix(">"), justify="right" if right else "left")
    return table

"""Group commit: who shares a statement, and what one bad receipt or a lost database costs."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from messaging.domain.job import Sid
from messaging.domain.receipt import Receipt
from messaging.errors import Unreachable
from messaging.web.collector import Collector, Kept


class Book:
    """Remembers the groups that were recorded; holds the first one until it is let go."""

    def __init__(self, failing: Callable[[Sequence[Receipt]], Exception | None]) -> None:
        self.groups: list[list[str]] = []
        self.go = asyncio.Event()
        self._failing = failing

    async def record(self, receipts: Sequence[Receipt]) -> None:
        self.groups.append([receipt.status for receipt in receipts])
        await self.go.wait()
        failure = self._failing(receipts)
        if failure:
            raise failure


def receipt(status: str) -> Receipt:
    return Receipt(sid=Sid("SM" + "0" * 32), status=status)


def run(
    scene: Callable[[Collector[Receipt], Book], Awaitable[None]], book: Book, patience: float = 5
) -> None:
    async def play() -> None:
        collector = Collector(book.record, patience)
        flusher = asyncio.create_task(collector.run())
        await scene(collector, book)
        flusher.cancel()
        await asyncio.gather(flusher, return_exceptions=True)

    asyncio.run(asyncio.wait_for(play(), 10))


def together(collector: Collector[Receipt], *words: str) -> list[asyncio.Task[Kept]]:
    return [start(collector.add(receipt(word))) for word in words]


def start(coroutine: Coroutine[object, object, Kept]) -> asyncio.Task[Kept]:
    return asyncio.create_task(coroutine)


def never(_receipts: Sequence[Receipt]) -> Exception | None:
    return None


def test_what_arrives_while_a_group_is_written_shares_the_next_one() -> None:
    async def scene(collector: Collector[Receipt], book: Book) -> None:
        first = together(collector, "a")
        await until(lambda: book.groups == [["a"]])
        rest = together(collector, "b", "c", "d")
        await asyncio.sleep(0)
        book.go.set()
        assert [Kept.RECORDED] * 4 == await asyncio.gather(*first, *rest)
        assert [["a"], ["b", "c", "d"]] == book.groups

    run(scene, Book(never))


def test_nobody_is_answered_before_the_commit() -> None:
    async def scene(collector: Collector[Receipt], book: Book) -> None:
        waiting = together(collector, "a")
        await until(lambda: book.groups == [["a"]])
        assert not waiting[0].done()
        book.go.set()
        assert Kept.RECORDED is await waiting[0]

    run(scene, Book(never))


def test_a_broken_receipt_does_not_sink_its_group() -> None:
    def failing(receipts: Sequence[Receipt]) -> Exception | None:
        return ValueError() if any(one.status == "bad" for one in receipts) else None

    async def scene(collector: Collector[Receipt], book: Book) -> None:
        book.go.set()
        kept = await asyncio.gather(*together(collector, "a", "bad", "b"))
        assert [Kept.RECORDED, Kept.BROKEN, Kept.RECORDED] == kept

    run(scene, Book(failing))


def test_a_lost_database_is_told_to_all_and_tried_once() -> None:
    async def scene(collector: Collector[Receipt], book: Book) -> None:
        book.go.set()
        kept = await asyncio.gather(*together(collector, "a", "b"))
        assert [Kept.UNREACHABLE] * 2 == kept
        assert [["a", "b"]] == book.groups

    run(scene, Book(lambda _receipts: Unreachable("gone")))


def test_a_database_that_hangs_holds_nobody_for_ever() -> None:
    async def scene(collector: Collector[Receipt], book: Book) -> None:
        assert Kept.UNREACHABLE is await collector.add(receipt("a"))
        book.go.set()
        assert Kept.RECORDED is await collector.add(receipt("b"))

    run(scene, Book(never), patience=0.05)


def test_a_caller_that_goes_away_is_no_trouble_for_the_others() -> None:
    async def scene(collector: Collector[Receipt], book: Book) -> None:
        gone, stays = together(collector, "a", "b")
        await until(lambda: bool(book.groups))
        gone.cancel()
        book.go.set()
        assert Kept.RECORDED is await stays

    run(scene, Book(never))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)

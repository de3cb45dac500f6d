"""Lanes: every text is sent, whenever it comes, and urgent ones first."""

import asyncio
import math
from uuid import uuid4

from messaging.domain.answers import Accepted, Answer, Outgoing
from messaging.domain.job import JobId, Phone, Sid
from messaging.twilio.groups import Groups
from messaging.twilio.lanes import Lanes


def groups(*bodies: str, urgent: bool = False) -> Groups:
    texts = [
        Outgoing(
            job_id=JobId(uuid4()),
            attempt=1,
            to=Phone("+15551230000"),
            body=body,
            write_before=math.inf,
        )
        for body in bodies
    ]
    return Groups(texts, urgent=urgent)


def test_a_text_that_comes_as_the_last_lane_ends_is_sent() -> None:
    sent: list[str] = []
    second = groups("second")

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            sent.append(text.body)
            if text.body == "first":
                # It comes after the lane has looked for another text, and before its task is over.
                asyncio.get_running_loop().call_soon(lanes.add, second)
            return Accepted(sid=Sid("SM" + "0" * 32), status="queued")

        lanes = Lanes(1, send)
        lanes.add(groups("first"))
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
            await asyncio.sleep(0)

    asyncio.run(story())
    assert ["first", "second"] == sent


def test_texts_that_wait_go_out_in_the_order_in_which_they_came_urgent_ones_first() -> None:
    sent: list[str] = []
    normal, urgent = groups("1", "2", "3"), groups("4", "5", urgent=True)

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            sent.append(text.body)
            await asyncio.sleep(0)
            return Accepted(sid=Sid("SM" + "0" * 32), status="queued")

        lanes = Lanes(1, send)
        lanes.add(normal)
        lanes.add(urgent)
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    asyncio.run(story())
    assert ["4", "5", "1", "2", "3"] == sent

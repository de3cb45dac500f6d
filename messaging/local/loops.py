"""The event loop for what is local: uvloop where it is installed."""

import asyncio


def fast_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it is installed: twice the speed for servers of many small requests."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()

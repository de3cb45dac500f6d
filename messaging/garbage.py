"""Python's garbage collector, in processes that run long and make little garbage."""

import gc

_OFTEN, _SELDOM, _RARELY = 50_000, 20, 50
"""How many objects are made before it looks at the youngest; how many such looks before it looks at
older ones, and how many of those before all."""


def collect_seldom() -> None:
    """Let the collector look less often, and never again at what is loaded now.

    Almost all objects here end with their last reference, and the collector finds nothing: as
    Python sets it, it took a tenth of the processor time that sending takes. To be called once
    everything is imported.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OFTEN, _SELDOM, _RARELY)

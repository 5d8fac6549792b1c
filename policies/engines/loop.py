"""One event loop in a thread of its own for all servers behind URLs: connections outlive the loops of searches."""

import asyncio
import threading
from functools import cache


@cache
def background_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="servers behind URLs", daemon=True).start()
    return loop

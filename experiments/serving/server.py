"""What all routes of a server share: engines, models, places, the door, the figures."""

from starlette.requests import Request

from experiments.serving.door import Door, read_body
from experiments.serving.gate import Gate
from experiments.serving.metrics import Metrics
from experiments.serving.models import Models
from experiments.serving.schema import Asked, read_chat
from experiments.serving.searching import Engines, Search, plan


class Server:
    """What the routes share. `heartbeat` is the time between two signs of life of a stream, in seconds."""

    def __init__(self, engines: Engines, models: Models, gate: Gate, door: Door, heartbeat: float = 10.0) -> None:
        self.engines, self.models, self.gate, self.door = engines, models, gate, door
        self.heartbeat = heartbeat
        self.metrics = Metrics(gate)
        self.watched: dict[str, Search] = {}  # the searches of the page, by number

    async def asked(self, request: Request) -> Asked:
        """The request of a chat. Raises Refusal for a wrong key, and for a wrong body."""
        self.door.check(request.headers)
        return read_chat(await read_body(request))

    def search(self, asked: Asked) -> Search:
        """Begins a search. Raises Refusal where it cannot be made or there is no place for it."""
        return Search(plan(asked, self.engines, self.models), self.engines, self.gate, self.metrics)

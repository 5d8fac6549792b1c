"""JSON in ASCII: half a surrogate pair, in a model's text or a client's, has no UTF-8 and must not end a response."""

import json
from typing import Any

from starlette.responses import Response


class AsciiJSON(Response):
    """A response of JSON. Raises ValueError for NaN and infinity."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")

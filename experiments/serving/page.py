"""The page at `/`: type a problem and watch its tree grow. It draws with the report's own code."""

import asyncio
from collections.abc import AsyncGenerator
from importlib.resources import files
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from experiments.analysis.rules import RULE_NAMES
from experiments.reports.page.formulas import Pieces
from experiments.reports.page.render import inert_json
from experiments.reports.page.trees import tree_data
from experiments.reports.solution import shipped_line
from experiments.serving.answer import MOST_NODES, Answer, summary
from experiments.serving.ascii_json import AsciiJSON
from experiments.serving.completion import event
from experiments.serving.growth import Growth, progress
from experiments.serving.refusals import Refusal
from experiments.serving.searching import Search, failure
from experiments.serving.server import Server
from experiments.serving.streaming import EventStream

REPORT = "experiments.reports.page"
OWN = "experiments.serving"
STYLES = {"page.css": REPORT, "tree.css": REPORT, "watch.css": OWN}
SCRIPTS = {
    **dict.fromkeys(("page.js", "formulas.js", "outline.js", "drawing.js", "particles.js", "problem.js"), REPORT),
    "watch.js": OWN,
}
ASSETS = STYLES | SCRIPTS
"""What the page loads, in this order, and the package whose folder `static` has it."""
ARITHMETIC, FRACTIONS = "((-3 - -5 * -2 + 6) * (0 + -5 * 7 * 8)) =", r"What is $\frac{1}{2} + \frac{1}{3}$?"
_TYPES = {"css": "text/css", "js": "text/javascript"}
_OFTEN = 0.5  # seconds between two looks at a tree that grows
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def add_page(app: FastAPI, server: Server) -> None:
    """Adds the page's routes. A search of the page is a chat's request, answered by other events."""
    html = page_of(server)

    @app.get("/")
    async def page(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        server.door.check_name(request.headers)
        return Response(html, media_type="text/html", headers=HEADERS)

    @app.get("/assets/{name}")
    async def asset(name: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        if name not in ASSETS:
            raise Refusal(404, f"no asset {name!r:.80}", code="no_route")
        text = (files(ASSETS[name]) / "static" / name).read_text("utf-8")
        return Response(text, media_type=_TYPES[name.rpartition(".")[2]], headers=HEADERS)

    @app.post("/search")
    async def watch(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        search, number = server.search(await server.asked(request)), uuid4().hex
        server.watched[number] = search
        search.task.add_done_callback(lambda _: server.watched.pop(number))
        return EventStream(search, lambda wait: watched(search, number, wait))

    @app.post("/search/{number}/stop")
    async def stop(number: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        server.door.check(request.headers)
        if number in server.watched:
            server.watched[number].stop()
        return AsciiJSON({})


async def watched(search: Search, number: str, wait: Any) -> AsyncGenerator[bytes]:
    """`began`, then `grown` as often as the page can draw, then `answer`, or `error`."""
    growth = Growth(search.tree)
    yield event({"number": number}, "began")
    while not await wait(_OFTEN):
        grown = await asyncio.to_thread(growth.grown, growth.born())
        yield event({**progress(search.tree, search.waited), "grown": grown}, "grown")
    if (failed := failure(search)) is not None:
        yield event(failed.body(), "error")
    else:
        yield event(await asyncio.to_thread(_last, search.task.result()), "answer")


def _last(answer: Answer) -> dict[str, Any]:
    """The answer with its tree, as the page shows them."""
    solution, pieces = answer.solution, Pieces()
    told = summary(answer, whole=False)
    data = None
    if sum(1 for _ in solution.tree.nodes()) <= MOST_NODES:
        data = tree_data(solution.tree, None, solution.selection, pieces)
    text = pieces("".join(answer.pieces))
    pieces.answer(solution.answer)
    details = {"texts": pieces.texts, "formulas": pieces.formulas, "answers": pieces.answers}
    return {"summary": told, "finish": answer.finish, "text": text, "tree": data, "details": details}


def page_of(server: Server) -> str:
    """The page's HTML; what it has to know stands in it as inert JSON."""
    engines = server.engines
    known = shipped_line(engines.policy, engines.scorer)
    data = {
        "rules": RULE_NAMES,
        "example": ARITHMETIC if known else FRACTIONS,
        "models": [
            {
                "id": f"stepsearch/{name}",
                "label": name.replace("_", " "),
                "knob": searcher.scale,
                "scale": getattr(searcher, searcher.scale),
                "most": server.models.most(searcher),
            }
            for name, searcher in server.models.searchers.items()
        ],
        "locked": server.door.locked,
    }
    environment = Environment(
        loader=PackageLoader(OWN), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("watch.html.jinja").render(
        data=Markup(inert_json(data)),
        styles=list(STYLES),
        scripts=list(SCRIPTS),
        policy=_model(engines.policy),
        scorer=_model(engines.scorer),
        known=known if known is None else known.partition(";")[0],
        locked=server.door.locked,
        deadline=engines.deadline,
    )


def _model(owner: Any) -> str:
    return str(getattr(owner, "model", None) or type(owner).__name__)

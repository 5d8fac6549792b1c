"""Renders one HTML file from data, templates, styles and scripts.

Texts of models and problem files reach the page in three ways, all inert: escaped by Jinja2, as JSON whose `<`, `>` and
`&` are escapes, and packed in base64. Scripts put them into text nodes. A content security policy names the page's own
scripts by their hashes, so no other script runs, and forbids every request.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

STYLES = ("page.css", "tree.css")


SCRIPTS = (
    "page.js",
    "formulas.js",
    "curves.js",
    "problems.js",
    "outline.js",
    "drawing.js",
    "particles.js",
    "problem.js",
    "start.js",
)


_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def render(data: Mapping[str, Any], blobs: list[str], **context: Any) -> str:
    """The page. Its scripts read `data` at once; `blobs` has a packed text a problem; `context` fills the templates."""
    from plotly.offline import get_plotlyjs

    scripts = [get_plotlyjs(), *map(static, SCRIPTS)]
    return filled("report.html.jinja", STYLES, scripts, data=Markup(inert_json(data)), blobs=blobs, **context)


def filled(template: str, styles: Sequence[str], scripts: Sequence[str], **context: Any) -> str:
    """A page of a template, with these styles by name and scripts by text, which alone may run."""
    if any("</script" in script.lower() or "<!--" in script for script in scripts):
        raise ValueError("a script of the page would end too early")
    return (
        _environment()
        .get_template(template)
        .render(
            policy=_policy(scripts),
            styles=Markup("\n".join(map(static, styles))),
            scripts=[Markup(script) for script in scripts],
            **context,
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("experiments.reports.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def inert_json(data: Any) -> str:
    """JSON in ASCII in which no HTML parser can find a tag."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def static(name: str) -> str:
    """The text of one of the page's own styles or scripts."""
    return (files("experiments.reports.page") / "static" / name).read_text("utf-8")


def _policy(scripts: Sequence[str]) -> str:
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )

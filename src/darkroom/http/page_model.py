"""The page of one model: what it is, how to run it, what it takes."""

import json
import shlex
from collections.abc import Mapping

from darkroom.domain.model import FieldType, Json, Model, Version
from darkroom.http.answers import Site
from darkroom.http.markup import Child, Html, element, fragment

_SAMPLES: Mapping[FieldType, Json] = {
    FieldType.FILE: "https://example.com/picture.png",
    FieldType.STRING: "Your text",
}


def model_main(model: Model, site: Site) -> Html:
    """The page's main part; every word of the model is text."""
    return element(
        "main",
        element("h1", model.path, dir="auto"),
        element("p", model.description, class_="quiet", dir="auto"),
        _run(model, site),
        _inputs(model.versions[0]) if model.versions else None,
        _readme(model.readme),
        element("p", element("a", "To the front page", href="../")),
        id="main",
    )


def curl(model: Model, version: Version, site: Site) -> str:
    """A request that runs *version* with what it must have, for a POSIX shell."""
    needed = {one.name: _SAMPLES.get(one.type, 1) for one in version.inputs if one.required}
    return " \\\n  ".join(
        [
            f"curl -X POST {shlex.quote(site.api(f'/models/{model.path}/predictions'))}",
            '-H "Authorization: Bearer $DARKROOM_TOKEN"',
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(json.dumps({'input': needed}))}",
        ]
    )


def _run(model: Model, site: Site) -> Html:
    head = element("h2", "Run it")
    if not model.versions:
        words = "It has no version yet. A training gives it one."
        return fragment([head, element("p", words, class_="empty")])
    version = model.versions[0]
    return fragment(
        [
            head,
            element("pre", curl(model, version, site), tabindex="0"),
            element("p", "Version ", element("code", version.id), class_="quiet"),
        ]
    )


def _inputs(version: Version) -> Html:
    rows = [
        element(
            "tr",
            element("td", element("code", one.name), " required" if one.required else None),
            element("td", one.type),
            element("td", one.description, dir="auto"),
        )
        for one in version.inputs
    ]
    return fragment([element("h2", "Inputs"), element("table", element("tbody", *rows))])


def _readme(text: str) -> Child:
    return fragment([element("h2", "README"), element("pre", text, dir="auto")]) if text else None

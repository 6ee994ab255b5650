"""The published contract as one page that can be read and searched in."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import cast

import msgspec

from darkroom.domain.model import Json
from darkroom.http import contract
from darkroom.http.markup import Child, Html, element, fragment, spoken

Object = Mapping[str, Json]


@cache
def docs_main() -> Html:
    """The page's main part; the same at every request."""
    info = _object(contract.parsed()["info"])
    tags = [_object(tag) for tag in _list(contract.parsed()["tags"])]
    return element(
        "main",
        element("h1", f"{info['title']} API"),
        _prose(info),
        element("p", element("a", "openapi.json", href="openapi.json")),
        _contents(tags),
        _keys(),
        *(_tag(tag) for tag in tags),
        element("h2", "Schemas", id="schemas"),
        *(_schema(name, schema) for name, schema in _components("schemas").items()),
        id="main",
        class_="docs",
    )


def _contents(tags: Sequence[Object]) -> Html:
    rows = [
        element(
            "li",
            element("a", _signature(method, path), href=f"#{_text(one['operationId'])}"),
            element("span", f" {_text(one['summary'])}", class_="quiet"),
        )
        for tag in tags
        for method, path, _, one in _operations(_text(tag["name"]))
    ]
    return element("nav", element("ul", *rows), aria_label="Operations", class_="contents")


def _keys() -> Html:
    schemes = [_object(scheme) for scheme in _components("securitySchemes").values()]
    return fragment(
        [
            element("h2", "Keys"),
            *(element("p", spoken(_text(scheme["description"]))) for scheme in schemes),
        ]
    )


def _tag(tag: Object) -> Html:
    name = _text(tag["name"])
    return fragment(
        [
            element("h2", name.capitalize(), id=name),
            element("p", spoken(_text(tag["description"]))),
            *(_operation(*found) for found in _operations(name)),
        ]
    )


def _operations(tag: str) -> Iterator[tuple[str, str, Object, Object]]:
    """Method, path with its mount, path item and operation of everything under *tag*."""
    for path, value in _object(contract.parsed()["paths"]).items():
        item = _object(value)
        for method in filter(contract.METHODS.__contains__, item):
            one = _object(item[method])
            if tag in _list(one["tags"]):
                yield method, contract.mount(item) + path, item, one


def _operation(method: str, path: str, item: Object, one: Object) -> Html:
    parameters = [*_list(item.get("parameters")), *_list(one.get("parameters"))]
    needs_key = one.get("security") != []
    return element(
        "article",
        element("h3", _signature(method, path)),
        element("p", element("strong", _text(one["summary"])), "" if needs_key else " · no key"),
        _prose(one),
        _parameters([_resolved(each) for each in parameters]),
        _body(_object(one.get("requestBody"))),
        element("h4", "Answers"),
        *(_answer(code, _resolved(each)) for code, each in _object(one["responses"]).items()),
        id=_text(one["operationId"]),
    )


def _parameters(parameters: Sequence[Object]) -> Child:
    rows = [
        element(
            "tr",
            element("td", element("code", _text(one["name"]))),
            element("td", _text(one["in"])),
            element("td", spoken(_text(one.get("description"))), _sample(one.get("example"))),
        )
        for one in parameters
    ]
    return element("table", element("tbody", *rows)) if rows else None


def _sample(value: Json) -> Child:
    return None if value is None else element("div", element("code", str(value)), class_="quiet")


def _body(body: Object) -> Child:
    return fragment([element("h4", "Body"), _content(body)]) if body else None


def _answer(code: str, answer: Object) -> Html:
    headers = [
        element("p", element("code", name), ": ", spoken(_text(_object(each)["description"])))
        for name, each in _object(answer.get("headers")).items()
    ]
    summary = [element("code", code), " ", spoken(_text(answer["description"]))]
    detail = _content(answer)
    if not detail.text and not headers:
        return element("p", *summary, class_="answer")
    return element("details", element("summary", *summary), *headers, detail, class_="answer")


def _content(holder: Object) -> Html:
    return fragment(
        part
        for media, value in _object(holder.get("content")).items()
        for part in [
            element("p", element("code", media), " ", _reference(_object(value).get("schema"))),
            *_examples(_object(_object(value).get("examples"))),
        ]
    )


def _examples(examples: Object) -> Iterator[Html]:
    for name, each in examples.items():
        example = _resolved(each)
        value = example["value"]
        yield element("p", _text(example.get("summary")) or name.capitalize(), class_="quiet")
        yield element("pre", value if isinstance(value, str) else _pretty(value), tabindex="0")


def _schema(name: str, value: Json) -> Html:
    schema = _object(value)
    required = _list(schema.get("required"))
    rows = [
        element(
            "tr",
            element("td", element("code", key), " required" if key in required else None),
            element("td", _reference(each)),
            element("td", spoken(_text(_object(each).get("description")))),
        )
        for key, each in _object(schema.get("properties")).items()
    ]
    return element(
        "article",
        element("h3", name),
        _prose(schema),
        element("p", _reference(schema)) if not rows else None,
        element("table", element("tbody", *rows)) if rows else None,
        id=f"schema-{name}",
    )


def _reference(value: Json) -> Html:
    """Name a schema in a few words, with a link where it has a name of its own."""
    schema = _object(value)
    if "$ref" in schema:
        name = _text(schema["$ref"]).rsplit("/", 1)[-1]
        return element("a", name, href=f"#schema-{name}")
    if "anyOf" in schema:
        parts = [_reference(each) for each in _list(schema["anyOf"])]
        return fragment([parts[0], *(part for each in parts[1:] for part in (" or ", each))])
    if "enum" in schema:
        return fragment(
            part for each in _list(schema["enum"]) for part in (element("code", _text(each)), " ")
        )
    if schema.get("type") == "array":
        return fragment(["list of ", _reference(schema.get("items"))])
    kinds = schema.get("type", "")
    names = [kinds] if isinstance(kinds, str) else [_text(kind) for kind in _list(kinds)]
    return fragment([" or ".join(names)])


def _prose(holder: Object) -> Html:
    paragraphs = _text(holder.get("description")).split("\n\n")
    return fragment(element("p", spoken(one)) for one in paragraphs if one)


def _resolved(value: Json) -> Object:
    """Follow a reference into the document's components; anything else stays as it is."""
    holder = _object(value)
    if "$ref" not in holder:
        return holder
    _, _, kind, name = _text(holder["$ref"]).split("/")
    return _object(_components(kind)[name])


def _components(kind: str) -> Object:
    return _object(_object(contract.parsed()["components"])[kind])


def _signature(method: str, path: str) -> Html:
    return element("code", element("b", method.removeprefix("x-").upper()), f" {path}")


def _pretty(value: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _object(value: Json) -> Object:
    return cast("Object", value or {})


def _list(value: Json) -> Sequence[Json]:
    return cast("Sequence[Json]", value or [])


def _text(value: Json) -> str:
    return cast("str", value or "")

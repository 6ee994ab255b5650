"""The page of one prediction: what the API shows of it, for a person."""

import shlex
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from darkroom.domain.model import Json
from darkroom.domain.prediction import Status
from darkroom.http.answers import Site
from darkroom.http.markup import NOTHING, Child, Html, element, fragment
from darkroom.http.shown import Media, Shown, data_summary, file_name, media_of
from darkroom.http.wire import HIDDEN
from darkroom.service.data_urls import is_data_url

LOG_LINES = 400
ALT_LENGTH = 120
FOREIGN = "noreferrer noopener"
WAITING: Mapping[str, str] = {
    Status.STARTING: "Waiting for a free worker, or for the model to load.",
    Status.PROCESSING: "Running. Output appears here as it is made.",
    Status.FAILED: "The run failed before it made anything.",
    Status.CANCELED: "Canceled before it made anything.",
    Status.ABORTED: "Its deadline passed before it ran.",
    Status.SUCCEEDED: "The run made nothing.",
}
REMOVED = "Input, output and log were removed when their time to be kept was over."


def prediction_main(one: Shown, site: Site) -> Html:
    """The page's main part; the script swaps whatever carries `data-part`."""
    return element(
        "main",
        _head(one),
        _part("progress", _progress(one)),
        _part("error", _error(one)),
        element(
            "div",
            element("div", _part("output", _output(one, site)), _part("log", _log(one))),
            element("div", _part("facts", _facts(one)), _part("input", _input(one, site))),
            class_="columns",
        ),
        _part("request", _request(one, site)),
        id="main",
        data_live=one.live,
        data_stream=local(one.stream, site) if one.live and one.stream else None,
        data_previews=f"{one.id}/previews" if one.live and not one.text else None,
    )


def _head(one: Shown) -> Html:
    pill = element("span", one.status, class_=f"pill {_status_class(one.status)}")
    return element(
        "header",
        element("h1", one.model, dir="auto"),
        element("p", pill, role="status", data_part="status"),
        element("p", element("code", one.id), class_="quiet"),
        element("p", "Connection lost. Trying again…", id="stale", hidden=True),
        class_="head",
    )


def _progress(one: Shown) -> Child:
    bar = one.progress
    if bar is None or bar.total < 1:
        return None
    percent = min(100, 100 * bar.done // bar.total)
    return fragment(
        [
            element(
                "progress", max=str(bar.total), value=str(bar.done), aria_label="Steps of this run"
            ),
            element("p", f"{bar.done} of {bar.total} · {percent} %", class_="quiet"),
        ]
    )


def _error(one: Shown) -> Child:
    if one.error is None:
        return None
    return element(
        "div",
        element("h2", "What went wrong"),
        element("p", one.error, class_="text", dir="auto"),
        class_="error",
    )


def _output(one: Shown, site: Site) -> Html:
    return fragment([element("h2", "Output"), *_output_items(one, site)])


def _output_items(one: Shown, site: Site) -> Iterator[Html]:
    if one.data_removed:
        yield element("p", REMOVED, class_="empty")
    elif not one.output:
        yield element("p", WAITING.get(one.status, ""), class_="empty")
    elif one.text:
        joined = "".join(part if isinstance(part, str) else _json(part) for part in one.output)
        yield element("p", joined, class_="text", dir="auto")
    else:
        alt = _alt(one)
        figures = [_figure(value, alt, site) for value in one.output]
        yield element("div", *figures, class_="gallery")


def _figure(value: Json, alt: str, site: Site) -> Html:
    if not isinstance(value, str):
        return element("pre", _json(value, indent=2))
    name = file_name(value)
    link = element("a", f"Download {name}", href=local(value, site), download=name)
    match media_of(value, origin=site.origin):
        case Media.TEXT:
            return element("p", value, class_="text", dir="auto")
        case Media.DATA:
            return element("p", data_summary(value), class_="quiet")
        case Media.LINK:
            return element("p", link)
        case Media.PICTURE:
            caption = None if value.startswith("data:") else element("figcaption", link)
            picture = element("img", src=local(value, site), alt=alt, class_="checker")
            return element("figure", picture, caption)


def local(url: str, site: Site) -> str:
    """Spell a URL of ours relative to the page, so that it works under every address."""
    own = f"{site.origin}/"
    return f"../{url.removeprefix(own)}" if url.startswith(own) else url


def _alt(one: Shown) -> str:
    prompt = one.input.get("prompt")
    text = prompt if isinstance(prompt, str) and prompt else f"Output of {one.model}"
    return text if len(text) <= ALT_LENGTH else f"{text[: ALT_LENGTH - 1]}…"


def _log(one: Shown) -> Child:
    lines = one.logs.replace("\r", "\n").splitlines()
    if not lines:
        return None
    cut = len(lines) > LOG_LINES
    note = f"The last {LOG_LINES} of {len(lines)} lines." if cut else None
    return fragment(
        [
            element("h2", "Log"),
            element("p", note, class_="quiet") if cut else None,
            element("pre", "\n".join(lines[-LOG_LINES:]), class_="log", tabindex="0"),
        ]
    )


def _facts(one: Shown) -> Html:
    version = "the latest, by name" if one.version == HIDDEN else one.version
    rows: list[tuple[str, Child]] = [
        ("Version", element("code", version) if version == one.version else version),
        ("Created", _time(one.created_at)),
        ("Started", _time(one.started_at)),
        ("Completed", _time(one.completed_at)),
        *((_metric_name(name), _metric(name, value)) for name, value in one.metrics.items()),
    ]
    return fragment([element("h2", "Run"), _table(rows)])


def _input(one: Shown, site: Site) -> Child:
    if not one.input:
        return None
    rows = [(element("code", name), _value(value, site)) for name, value in one.input.items()]
    return fragment([element("h2", "Input"), _table(rows)])


def _value(value: Json, site: Site) -> Html:
    if isinstance(value, str):
        return _string(value, site)
    if isinstance(value, Sequence):
        return fragment(element("div", _value(item, site)) for item in value)
    return element("code", _json(value))


def _string(value: str, site: Site) -> Html:
    match media_of(value, origin=site.origin):
        case Media.TEXT:
            return element("span", value, class_="text", dir="auto")
        case Media.DATA:
            return element("span", data_summary(value), class_="quiet")
        case Media.LINK:
            return element("a", value, href=value, rel=FOREIGN)
        case Media.PICTURE:
            return _thumbnail(value, site)


def _thumbnail(value: str, site: Site) -> Html:
    address = local(value, site)
    picture = element("img", src=address, alt="Input picture", class_="thumb checker")
    if value.startswith("data:"):
        return fragment([picture, element("span", data_summary(value), class_="quiet")])
    return element("a", picture, href=address)


def _request(one: Shown, site: Site) -> Child:
    if one.data_removed:
        return None
    copy = element("button", "Copy", type="button", hidden=True, data_copy="curl")
    return element(
        "details",
        element("summary", "The same request with curl"),
        element("pre", curl(one, site), id="curl", tabindex="0"),
        copy,
    )


def curl(one: Shown, site: Site) -> str:
    """The request that makes this prediction again, for a POSIX shell.

    `data:` URLs are too long to be read: a word in capitals stands where one was.
    """
    body: dict[str, Json] = {"input": {name: _short(value) for name, value in one.input.items()}}
    path = f"/models/{one.model}/predictions"
    if one.version != HIDDEN:
        body = {"version": f"{one.model}:{one.version}", **body}
        path = "/predictions"
    return " \\\n  ".join(
        [
            f"curl -X POST {shlex.quote(site.api(path))}",
            '-H "Authorization: Bearer $DARKROOM_TOKEN"',
            "-H 'Content-Type: application/json'",
            "-H 'Prefer: wait'",
            f"-d {shlex.quote(_json(body, indent=2))}",
        ]
    )


def _short(value: Json) -> Json:
    if isinstance(value, str):
        return "DATA_URL_OF_YOUR_FILE" if is_data_url(value) else value
    if isinstance(value, Sequence):
        return [_short(item) for item in value]
    return value


def _metric_name(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _metric(name: str, value: Json) -> str:
    if isinstance(value, float | int) and name.endswith("_time"):
        return f"{value:.2f} s"
    return _json(value)


def _time(stamp: str) -> Child:
    text = stamp.replace("T", " ").replace("Z", " UTC")
    return element("time", text, datetime=stamp) if stamp else None


def _table(rows: Sequence[tuple[Child, Child]]) -> Html:
    pairs = [(element("dt", name), element("dd", value)) for name, value in rows if value]
    return element("dl", *(half for pair in pairs for half in pair))


def _part(name: str, content: Child) -> Html:
    return element("section", content or NOTHING, data_part=name)


def _status_class(status: str) -> str:
    return status if status in set(Status) else "unknown"


def _json(value: Json, *, indent: int = 0) -> str:
    text = msgspec.json.encode(value)
    return (msgspec.json.format(text, indent=indent) if indent else text).decode()

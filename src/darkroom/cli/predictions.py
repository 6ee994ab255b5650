"""`darkroom predictions`: list, look at and cancel them, and see how their webhooks fared."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, cast
from urllib.parse import quote

import msgspec
import typer

from darkroom.cli.client import TOKEN_VARIABLE, Api, Shown, connected, known, read_as
from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import note, print_json, print_table
from darkroom.cli.saving import links
from darkroom.cli.watching import NoPreview, conclude, watch
from darkroom.domain.model import Json

app = typer.Typer(help="List, look at and cancel predictions.", no_args_is_help=True)

_LISTED = "predictions list"

PredictionArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the prediction.")]


class _Try(msgspec.Struct, frozen=True):
    at: str
    status: int | None
    seconds: float
    error: str | None


class _Delivery(msgspec.Struct, frozen=True):
    event: str
    state: str
    tries: list[_Try]


class _Breaker(msgspec.Struct, frozen=True):
    failures: int
    next_try_at: str


class _Deliveries(msgspec.Struct, frozen=True):
    webhook: str | None
    deliveries: list[_Delivery]
    breaker: _Breaker | None = None


class _Account(msgspec.Struct, frozen=True):
    username: str


@app.command("list")
def list_predictions(
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 25,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the predictions of your key, newest first."""
    with connected(flags(data_dir=data_dir)) as api:
        found = list(islice(api.pages("/predictions"), limit))
        if not found:
            _tell_whose(api)
    if as_json:
        print_json(found)
        return
    shown = [read_as(Shown, one) for one in found]
    rows = [(one.id, one.status, one.created_at, one.model) for one in shown]
    print_table(("ID", "STATUS", "CREATED", "MODEL"), rows)


@app.command("get")
def get_prediction(
    prediction: PredictionArgument, *, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Show one prediction."""
    with connected(flags(data_dir=data_dir)) as api, known(_absent(prediction), _LISTED):
        found = api.get(f"/predictions/{quote(prediction, safe='')}")
    _tell(found, as_json=as_json)


@app.command("watch")
def watch_prediction(
    prediction: PredictionArgument,
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    no_preview: NoPreview = False,
) -> None:
    """Show the progress of one prediction to its end, then show it. Ctrl-C leaves it alone."""
    with connected(flags(data_dir=data_dir)) as api:
        with known(_absent(prediction), _LISTED):
            found = read_as(Shown, api.get(f"/predictions/{quote(prediction, safe='')}"))
        watch(api, found, live_text=False, previews=not as_json and not no_preview)
        ended = api.get(found.urls.get)
    _tell(ended, as_json=as_json)
    conclude(read_as(Shown, ended))


@app.command("cancel")
def cancel_prediction(
    prediction: PredictionArgument, *, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Cancel one prediction; one that has ended stays as it is."""
    with connected(flags(data_dir=data_dir)) as api, known(_absent(prediction), _LISTED):
        found = api.post(f"/predictions/{quote(prediction, safe='')}/cancel")
    _tell(found, as_json=as_json)


@app.command("webhooks")
def show_webhooks(
    prediction: PredictionArgument,
    *,
    resend: Annotated[
        bool, typer.Option("--resend", help="Send the webhook of the end again.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show every try to deliver the webhooks of a prediction."""
    path = f"/predictions/{quote(prediction, safe='')}/webhooks"
    with connected(flags(data_dir=data_dir)) as api:
        with known(_absent(prediction), _LISTED):
            found = api.get(api.administration(path))
        if resend:
            found = api.post(api.administration(f"{path}/resend"))
    if as_json:
        print_json(found)
        return
    told = read_as(_Deliveries, found)
    if told.webhook is None:
        note(f"no webhook: {prediction[:80]} was created without one")
        return
    print_table(("EVENT", "STATE", "TRIED", "STATUS", "SECONDS", "ERROR"), list(_lines(told)))
    if told.breaker is not None:
        note(
            f"waiting: this address has failed {told.breaker.failures} times in a row; "
            f"next try {_time_of_day(told.breaker.next_try_at)}"
        )


def _time_of_day(moment: str) -> str:
    """An instant of the API as a clock on this machine shows it."""
    try:
        return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return moment


def _lines(told: _Deliveries) -> Iterator[tuple[str, ...]]:
    """One line for each try; one for a delivery that has not been tried."""
    for one in told.deliveries:
        if not one.tries:
            yield one.event, one.state, "", "", "", ""
        for each in one.tries:
            status = "" if each.status is None else str(each.status)
            yield one.event, one.state, each.at, status, f"{each.seconds:.3f}", each.error or ""


def _tell_whose(api: Api) -> None:
    owner = read_as(_Account, api.get("/account")).username
    note(f"no predictions of {owner}; set {TOKEN_VARIABLE} to see another owner's")


def _absent(prediction: str) -> str:
    return f"no prediction {prediction[:80]!r} of this key"


def _tell(found: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    one = read_as(Shown, found)
    told: Mapping[str, object] = cast("Mapping[str, object]", found)
    lines = {
        "id": one.id,
        "model": one.model,
        "status": one.status,
        "created": one.created_at,
        "completed": told.get("completed_at"),
        "error": one.error,
        "output": " ".join(links(one.output)),
        "page": one.urls.web,
    }
    for name, value in lines.items():
        if value:
            print(f"{name:<10} {value}")

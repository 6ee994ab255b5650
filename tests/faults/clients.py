"""Clients that create, look and cancel without pause, and log every call."""

import itertools
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import httpx2
from tests.faults.history import Call, History, Verb, Verdict
from tests.support.processes import KEY

PICTURE = "data:image/png;base64,iVBORw0KGgo="
NOWHERE = "http://127.0.0.1:9/hook"
"""An address that nothing may be sent to: the row of the outbox is all that matters here."""

_BACK_OFF_SECONDS = 0.1
_CANCEL_EVERY, _WAIT_EVERY, _WEBHOOK_EVERY, _UNNAMED_EVERY = 7, 5, 3, 4


@dataclass(slots=True)
class Client:
    """One client; every call it makes is in the history.

    Attributes:
        url: where the server answers.
        work_ms: how long each run pretends to work.
    """

    url: str
    history: History
    work_ms: int = 20
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx2.Client(
            headers={"Authorization": f"Bearer {KEY}"}, timeout=30, trust_env=False
        )

    def create(
        self, name: str, *, webhook: bool = False, headers: Mapping[str, str] | None = None
    ) -> Call:
        """Create a prediction that is called *name*."""
        body: dict[str, object] = {
            "version": "darkroom/echo",
            "input": {"prompt": name, "image": PICTURE, "ms": self.work_ms},
        }
        if webhook:
            body |= {"webhook": NOWHERE, "webhook_events_filter": ["completed"]}
        return self._call(
            Verb.CREATE,
            name,
            lambda: self.http.post(
                f"{self.url}/v1/predictions", json=body, headers=dict(headers or {})
            ),
            webhook=webhook,
        )

    def get(self, name: str, id_: str) -> Call:
        address = f"{self.url}/v1/predictions/{id_}"
        return self._call(Verb.GET, name, lambda: self.http.get(address), id_=id_)

    def cancel(self, name: str, id_: str) -> Call:
        address = f"{self.url}/v1/predictions/{id_}/cancel"
        return self._call(Verb.CANCEL, name, lambda: self.http.post(address), id_=id_)

    def _call(
        self,
        verb: Verb,
        name: str,
        send: Callable[[], httpx2.Response],
        *,
        id_: str | None = None,
        webhook: bool = False,
    ) -> Call:
        began = time.monotonic()
        status: str | None = None
        try:
            answer = send()
        except httpx2.TransportError:
            verdict = Verdict.UNKNOWN
        else:
            verdict = _verdict(verb, answer.status_code)
            if verdict is Verdict.OK:
                shown = cast("dict[str, str]", answer.json())
                id_, status = shown["id"], shown["status"]
        call = Call(
            verb=verb,
            verdict=verdict,
            name=name,
            began_at=began,
            ended_at=time.monotonic(),
            id=id_,
            status=status,
            webhook=webhook,
        )
        self.history.add(call)
        return call


def _verdict(verb: Verb, code: int) -> Verdict:
    """A creation that is answered with an error has made nothing; a look may come too early."""
    if code < 400:
        return Verdict.OK
    if verb is Verb.CREATE or code == 404:
        return Verdict.REFUSED
    return Verdict.UNKNOWN


@contextmanager
def clients(url: str, history: History, count: int = 6, *, work_ms: int = 20) -> Generator[None]:
    """So many clients at work until the block ends; then each finishes the call it is in."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(Client(url, history, work_ms), lane, stop))
        for lane in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _work(client: Client, lane: int, stop: threading.Event) -> None:
    with client.http:
        for number in itertools.count():
            if stop.is_set():
                return
            made = _created(client, f"{lane}-{number}", number, stop)
            if made is None or made.id is None:
                continue
            client.get(made.name, made.id)
            if number % _CANCEL_EVERY == 0:
                client.cancel(made.name, made.id)
                client.get(made.name, made.id)


def _created(client: Client, name: str, number: int, stop: threading.Event) -> Call | None:
    """Ask until told, under one key; without a key, ask once."""
    headers = {"Prefer": "wait=5"} if number % _WAIT_EVERY == 0 else {}
    webhook = number % _WEBHOOK_EVERY == 0
    if number % _UNNAMED_EVERY == 0:
        made = client.create(name, webhook=webhook, headers=headers)
        if made.verdict is not Verdict.OK:
            stop.wait(_BACK_OFF_SECONDS)
        return made
    headers["Idempotency-Key"] = name
    while not stop.is_set():
        made = client.create(name, webhook=webhook, headers=headers)
        if made.verdict is Verdict.OK:
            return made
        stop.wait(_BACK_OFF_SECONDS)
    return None

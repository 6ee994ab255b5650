"""A server as the command line sees it: the public API over HTTP, and its problems as errors."""

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar, cast
from urllib.parse import urlsplit

import httpx2
import msgspec

from darkroom.compose import entry
from darkroom.domain.errors import InvalidSetting, NoServer, Refused
from darkroom.domain.model import Json

URL_VARIABLE = "DARKROOM_URL"
TOKEN_VARIABLE = "DARKROOM_TOKEN"  # noqa: S105  # the variable's name, not a token
_FOREIGN = f"the answer is not the prediction API's; does {URL_VARIABLE} name a darkroom server?"
PATIENCE = httpx2.Timeout(30.0, connect=5.0)
_T = TypeVar("_T")


class Urls(msgspec.Struct, frozen=True):
    """Links of a prediction, absolute."""

    get: str
    cancel: str
    web: str | None = None
    stream: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """What the server says when it refuses."""

    title: str = ""
    detail: str = ""


class Shown(msgspec.Struct, frozen=True):
    """The parts of a prediction's JSON that the command line reads."""

    id: str
    model: str
    status: str
    urls: Urls
    output: object = None
    error: str | None = None
    created_at: str = ""


class Runnable(msgspec.Struct, frozen=True):
    """The part of a version's JSON that says what it takes and gives."""

    openapi_schema: dict[str, object]


class Page(msgspec.Struct, frozen=True):
    """One page of a list, and the address of the next."""

    results: list[dict[str, object]]
    next: str | None = None


def read_as(kind: type[_T], value: object) -> _T:
    """What a server answered, read as *kind*.

    Raises:
        Refused: it is something else, as from a server that is not a darkroom.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise Refused(f"{_FOREIGN} ({error})") from error


class Api:
    """One server.

    Args:
        base: its API, such as `http://127.0.0.1:8000/v1`.
        http: carries the requests.
        token: sent to this server and to no other.
    """

    def __init__(self, base: str, http: httpx2.Client, token: str | None) -> None:
        self._base = base
        self._http = http
        self._token = token

    def get(self, path: str) -> Json:
        """GET a path of the API or an absolute link it gave.

        Raises:
            NoServer: nobody answers.
            Refused: the server answered with a problem.
        """
        return self._call("GET", path, None)

    def post(self, path: str, body: Json = None) -> Json:
        """POST; as `get` otherwise."""
        return self._call("POST", path, body)

    def administration(self, path: str) -> str:
        """The absolute link of a path below `/api`, beside the prediction API."""
        return f"{self._address()}/api{path}"

    def pages(self, path: str) -> Iterator[Mapping[str, Json]]:
        """Every item of a list, page by page as they are asked for."""
        link: str | None = path
        while link:
            page = read_as(Page, self.get(link))
            yield from cast("list[Mapping[str, Json]]", page.results)
            link = page.next

    def ready(self) -> str:
        """The server's address once its /readyz says yes; raises as `get` does."""
        address = self._address()
        with self.open(f"{address}/readyz", {}):
            return address

    @contextmanager
    def open(self, link: str, headers: Mapping[str, str]) -> Generator[httpx2.Response]:
        """GET an absolute link and read it as it comes.

        Raises:
            NoServer: nobody answers, or the connection breaks.
            Refused: the server answered with a problem.
        """
        with self._translated(), self._http.stream("GET", link, headers=headers) as response:
            if not response.is_success:
                response.read()
                raise _refused(response)
            yield response

    def credentials(self, link: str) -> dict[str, str]:
        """The header that shows the key, if *link* leads to this server."""
        ours = urlsplit(link)[:2] == urlsplit(self._base)[:2]
        return {"Authorization": f"Bearer {self._token}"} if self._token and ours else {}

    @contextmanager
    def again(self) -> Generator["Api"]:
        """The same server over connections of its own, for another thread."""
        with httpx2.Client(trust_env=False, timeout=PATIENCE) as http:
            yield Api(self._base, http, self._token)

    def _call(self, method: str, path: str, body: Json) -> Json:
        link = path if "://" in path else self._base + path
        headers = self.credentials(link)
        with self._translated():
            response = self._http.request(
                method, link, headers=headers, json=body if body is not None else None
            )
        if not response.is_success:
            raise _refused(response)
        try:
            return cast("Json", msgspec.json.decode(response.content))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused(f"{_FOREIGN} (it is no JSON)") from error

    def _address(self) -> str:
        return self._base.removesuffix("/v1").removesuffix("/replicate")

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            raise NoServer(
                f"{self._base} does not answer ({error or type(error).__name__}); start "
                f"`darkroom serve` or correct {URL_VARIABLE}"
            ) from error
        except httpx2.DecodingError as error:
            raise Refused(f"{_FOREIGN} ({error})") from error
        except httpx2.InvalidURL as error:
            raise InvalidSetting(f"{URL_VARIABLE}: {error}") from error


@contextmanager
def connected(flags: entry.Flags) -> Generator[Api]:
    """The server that DARKROOM_URL names, or else the one that runs in the data directory.

    Raises:
        NoServer: there is none.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip() or None
    url = os.environ.get(URL_VARIABLE)
    if url is None:
        url, own = entry.endpoint(flags)
        token = token or own
    with reached(url, token) as api:
        yield api


@contextmanager
def reached(url: str, token: str | None, timeout: httpx2.Timeout = PATIENCE) -> Generator[Api]:
    """The server at *url*, whether it answers or not."""
    with httpx2.Client(trust_env=False, timeout=timeout) as http:
        yield Api(_api(url), http, token)


def _api(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidSetting(f"{URL_VARIABLE}: {url!r} is not an http(s) address")
    plain = url.rstrip("/")
    return plain if plain.endswith("/v1") else f"{plain}/v1"


@contextmanager
def known(what: str, where: str) -> Generator[None]:
    """Name *what* is not there; the server says only that something could not be found.

    Args:
        what: such as `no model 'a/b' here`.
        where: the words of the command that lists what is there.

    Raises:
        Refused: as inside the block, in other words for a 404.
    """
    try:
        yield
    except Refused as error:
        if error.status != 404:
            raise
        raise Refused(f"{what}; see `darkroom {where}`", status=404) from error


def _refused(response: httpx2.Response) -> Refused:
    status = response.status_code
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        problem = Problem()
    detail = problem.detail or problem.title
    if status == 404 and not detail:
        return Refused(f"{_FOREIGN} (it answered 404)")
    detail = detail or f"the server answered {status}"
    if status in (401, 403):
        detail = f"{detail.rstrip('.')}; set {TOKEN_VARIABLE} to a key of this server{_or_unset()}"
    return Refused(detail, status=status)


def _or_unset() -> str:
    """Only with the server of the data directory does it help to have no key of one's own."""
    own = TOKEN_VARIABLE in os.environ and URL_VARIABLE not in os.environ
    return ", or unset it" if own else ""

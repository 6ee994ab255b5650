"""Errors in the form that OpenAI's clients read: one object `error` with message and param.

Source: OpenAI's published API reference and the error classes of its Python client.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from darkroom.domain.errors import DarkroomError, InvalidInput
from darkroom.domain.model import Version
from darkroom.http.answers import JSON
from darkroom.service.images import spoken

_PATH = re.compile(r"(?:/replicate)?/v1(?:/v1)?/images(?:/.*)?")
_CODES: Mapping[int, str] = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_OWN_HEADERS = frozenset({"content-type", "content-length"})


class Refusal(DarkroomError):
    """A request for pictures that gets none.

    Args:
        status: HTTP's.
        message: what happened and what to do.
        param: the field at fault, if one is.
        code: a word for programs.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.headers = headers

    def answer(self) -> Response:
        """As it is sent; a client is told not to send the same again by itself."""
        headers = {"x-should-retry": "false", **(self.headers or {})}
        return _told(self.status, str(self), self.param, self.code, headers)


def unfit(error: InvalidInput, version: Version) -> Refusal:
    """What does not fit the inputs of *version*, told in OpenAI's names of fields."""
    named = [(_param(one.type, one.field, one.description), one) for one in error.fields]
    lines = [
        one.description if one.type == "required" else f"{name}: {one.description}"
        for name, one in named
    ]
    return Refusal(400, "; ".join(lines), param=spoken(version, named[0][0]))


def _param(kind: str, field: str, description: str) -> str:
    if kind == "required":
        return description.removesuffix(" is required")
    return field.removeprefix("input.").partition(".")[0]


def speaks_openai(path: object) -> bool:
    """Whether what goes wrong at *path* is told in OpenAI's form."""
    return _PATH.fullmatch(str(path)) is not None


def in_form(problem: Response) -> Response:
    """The same error in OpenAI's form, with its headers."""
    told = msgspec.json.decode(bytes(problem.body), type=_Problem)
    param = told.invalid_fields[0].field or None if told.invalid_fields else None
    status = 400 if problem.status_code == HTTPStatus.UNPROCESSABLE_ENTITY else problem.status_code
    headers = {name: value for name, value in problem.headers.items() if name not in _OWN_HEADERS}
    return _told(status, told.detail.strip(), param, _CODES.get(status), headers)


class _Field(msgspec.Struct, frozen=True):
    field: str


class _Problem(msgspec.Struct, frozen=True):
    detail: str
    invalid_fields: tuple[_Field, ...] = ()


def _told(
    status: int, message: str, param: str | None, code: str | None, headers: Mapping[str, str]
) -> Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Response(msgspec.json.encode({"error": error}), status, headers, JSON)

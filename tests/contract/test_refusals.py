"""What is not described is refused: other methods with 405, requests without a key with 401."""

from collections.abc import Iterator, Mapping
from itertools import groupby

import httpx2
import pytest
from tests.contract.living import Living
from tests.contract.published import Operation, operations
from tests.support.processes import Server

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "QUERY", "TRACE"})
OPERATIONS = operations()
BY_PATH: Mapping[str, list[Operation]] = {
    path: list(same) for path, same in groupby(OPERATIONS, lambda one: one.path)
}
CLOSED = [one for one in OPERATIONS if not one.open]


def address(living: Living, operation: Operation) -> str:
    """The path with parameters that lead to something."""
    return operation.path.format(**living.path(operation))


def refused(answer: httpx2.Response) -> int:
    """The status of an error answer that has the form of its path."""
    told = answer.json()
    if "/images/" in answer.request.url.path:
        assert answer.headers["content-type"] == "application/json"
        assert told["error"].keys() == {"message", "type", "param", "code"}
        return answer.status_code
    assert answer.headers["content-type"] == "application/problem+json"
    assert isinstance(told["detail"], str)
    assert told["status"] == answer.status_code
    return answer.status_code


@pytest.mark.conformance(3)
@pytest.mark.parametrize("path", BY_PATH)
def test_a_method_that_is_not_described_is_refused_and_the_others_are_told(
    server: Server, living: Living, path: str
) -> None:
    described = {one.method for one in BY_PATH[path]}
    where = address(living, BY_PATH[path][0])
    for method in sorted(METHODS - described):
        answer = server.client.request(method, where)
        assert refused(answer) == 405, method
        allowed = {one.strip() for one in answer.headers["allow"].split(",")}
        assert allowed - {"HEAD"} == described, method


@pytest.mark.conformance(2)
@pytest.mark.parametrize(
    ("number", "operation"), list(enumerate(CLOSED)), ids=[operation.id for operation in CLOSED]
)
def test_without_a_valid_key_there_is_no_answer(
    server: Server, living: Living, number: int, operation: Operation
) -> None:
    url = server.url + address(living, operation)
    with client(number) as stranger:
        for headers in credentials():
            assert refused(stranger.request(operation.method, url, headers=headers)) == 401, headers


@pytest.mark.parametrize("path", ["/v1/files/{}", "/v1/streams/{}"])
def test_an_address_that_is_its_own_permission_is_for_reading_alone(
    server: Server, living: Living, path: str
) -> None:
    where = path.format(living.stream())
    with client(len(CLOSED)) as stranger:
        assert stranger.get(server.url + where).status_code == 200
        for method in sorted(METHODS - {"GET"}):
            assert refused(stranger.request(method, server.url + where)) == 401, method
            assert refused(server.client.request(method, where)) in (404, 405), method


def client(number: int) -> httpx2.Client:
    """A client at an address of its own, since who guesses keys is slowed down by address."""
    transport = httpx2.HTTPTransport(local_address=f"127.0.1.{number + 1}")
    return httpx2.Client(transport=transport, trust_env=False)


def credentials() -> Iterator[Mapping[str, str]]:
    """Ways to come without a valid key."""
    yield {}
    yield {"Authorization": "Bearer not-a-key-of-anybody"}
    yield {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}

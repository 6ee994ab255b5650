"""A live server answers as it is described, to requests within the description and outside it."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, Response
from tests.contract.living import Living
from tests.contract.published import Operation, Request, operations
from tests.support.processes import KEY, Server

OPERATIONS = [one for one in operations() if not one.upgrades]
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
straying_operation = pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS if one.demanding or one.parameters],
    ids=lambda one: one.id,
)
# The same requests as long as the code is the same, and no more of them to make a failure smaller.
few = settings(
    max_examples=2,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
PATIENCE_SECONDS = 30


def answered(server: Server, operation: Operation, request: Request) -> Response:
    """Send it, with a key where one is asked for, and hold the answer against the description."""
    headers = {} if operation.open else {"Authorization": f"Bearer {KEY}"}
    response = request.call(server.url, headers=headers, timeout=PATIENCE_SECONDS)
    request.validate_response(response)
    return response


@every_operation
def test_what_is_there_is_answered_with_success(
    server: Server, living: Living, operation: Operation
) -> None:
    assert living.knows(operation), "tests/contract/living.py has nothing that this could name"
    path = living.path(operation)
    body = living.body(operation)
    sent = {} if body is None else {"body": body.value, "media_type": body.media_type}
    request = operation.request(path_parameters=path, query=living.query(operation, path), **sent)

    response = answered(server, operation, request)

    assert 200 <= response.status_code < 300, response.text


@pytest.mark.conformance(69, 73)
def test_a_stream_at_the_address_of_a_file_is_answered_as_described(
    server: Server, living: Living
) -> None:
    (operation,) = (one for one in OPERATIONS if one.id == "files.get")

    response = answered(
        server, operation, operation.request(path_parameters={"id": living.stream()})
    )

    assert response.headers["content-type"] == ["text/event-stream; charset=utf-8"]


@every_operation
def test_requests_within_the_description_are_answered_as_described(
    server: Server, living: Living, operation: Operation
) -> None:
    @few
    @given(request=operation.made_up(GenerationMode.POSITIVE, living.path(operation)))
    def ask(request: Request) -> None:
        response = answered(server, operation, request)
        # Whoever only reads can name what is not there, but say nothing wrong.
        assert operation.method != "GET" or response.status_code not in (400, 422), response.text

    ask()


@straying_operation
def test_requests_for_what_is_not_there_or_not_described_are_answered_as_described(
    server: Server, operation: Operation
) -> None:
    mode = GenerationMode.NEGATIVE if operation.demanding else GenerationMode.POSITIVE

    @few
    @given(request=operation.made_up(mode))
    def ask(request: Request) -> None:
        answered(server, operation, request)

    ask()

"""What the documents tell a person to type works, against a server with tiny weights."""

import json
from collections.abc import Iterator
from shutil import which
from typing import cast

import httpx2
import pytest
from tests.support.person import Person, blocks, newcomer

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(which("curl") is None, reason="curl is not installed"),
]
TYPED = {
    "docs/trainings.md": ("trainings.create",),
    "docs/deployments.md": ('"name": "landscapes"', "me/landscapes/predictions", "deployments.get"),
    "docs/files.md": ("-F content=", "def address"),
    "docs/webhooks.md": ("webhook_events_filter", "Webhooks.validate", "standardwebhooks"),
    "docs/models.md": ("models.create",),
}
OTHERS = (
    "darkroom predictions webhooks ID",  # typed in test_webhooks.py
    "DARKROOM_FILES_URL=s3://",  # the same settings run in test_s3.py
)
SIGNED = """
from datetime import UTC, datetime
from types import SimpleNamespace
import replicate
from standardwebhooks import Webhook as Signer

moment, body = datetime.now(UTC), "{}"
signer = Signer(replicate.webhooks.default.secret().key)
headers = {
    "webhook-id": "msg_1",
    "webhook-timestamp": str(int(moment.timestamp())),
    "webhook-signature": signer.sign("msg_1", moment, body),
}
request = SimpleNamespace(headers=headers)
"""


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with newcomer(tmp_path_factory.mktemp("clone")) as one:
        yield one


def typed(person: Person, page: str, number: int, *, before: str = "", then: str = "") -> str:
    name = f"docs/{page}.md"
    return person.types(TYPED[name][number], page=name, before=before, then=then)


def shown(text: str) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(text))


def test_a_training_makes_a_version_that_says_its_prefix(person: Person) -> None:
    assert typed(person, "trainings", 0) == "Ahoy captain\n"


def test_a_deployment_is_made_and_run_in_both_ways(person: Person) -> None:
    assert shown(typed(person, "deployments", 0))["owner"] == "me"
    assert shown(typed(person, "deployments", 1))["deployment"] == "me/landscapes"
    assert f"{person.address}/files/" in typed(person, "deployments", 2)


def test_a_file_is_uploaded_and_read_by_its_signed_address(person: Person) -> None:
    made = shown(typed(person, "files", 0))
    url = cast("dict[str, str]", made["urls"])["get"]
    auth = {"Authorization": f"Bearer {person.environment['DARKROOM_TOKEN']}"}
    key = httpx2.get(f"{person.address}/api/files/secret", headers=auth, trust_env=False).json()
    call = f"print(address({url!r}, {made['id']!r}, 'me', {key['key']!r}))"
    answer = httpx2.get(typed(person, "files", 1, then=call).strip(), trust_env=False)

    assert made["metadata"] == {"album": "summer"}
    assert answer.content == (person.folder / "demo" / "house.jpg").read_bytes()


def test_a_webhook_is_asked_for(person: Person) -> None:
    made = shown(typed(person, "webhooks", 0))
    assert made["webhook"] == "https://example.com/hooks?order=17"


@pytest.mark.parametrize("number", [1, 2])
def test_a_signature_is_checked(person: Person, number: int) -> None:
    typed(person, "webhooks", number, before=SIGNED)
    with pytest.raises(AssertionError, match=r"(?i)signature"):
        typed(person, "webhooks", number, before=f'{SIGNED}body = "{{1}}"\n')


def test_a_model_is_made(person: Person) -> None:
    typed(person, "models", 0)


def test_every_example_is_typed_by_a_test() -> None:
    left = {
        page: [
            block
            for _, block in blocks(page)
            if not any(words in block for words in (*TYPED[page], *OTHERS))
        ]
        for page in TYPED
    }
    assert not any(left.values()), left

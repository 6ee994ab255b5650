"""Mistakes in a body, as whole answers: clients match on the words, people read the lines."""

from collections.abc import Mapping

import httpx2
import pytest
from tests.support.rig import Rig

SD = "stability-ai/stable-diffusion-img2img"
IMAGE = "https://files.example.test/a.png"
SCHEDULERS = '"DDIM", "K_EULER", "DPMSolverMultistep", "K_EULER_ANCESTRAL", "PNDM", "KLMS"'


async def asked(rig: Rig, input_: Mapping[str, object], **rest: object) -> httpx2.Response:
    return await rig.client.post("/v1/predictions", json={"version": SD, "input": input_, **rest})


@pytest.mark.parametrize(
    ("input_", "type_", "field", "description"),
    [
        pytest.param(
            {}, "required", "input", "image is required", marks=pytest.mark.conformance(45)
        ),
        pytest.param(
            {"image": IMAGE, "scheduler": "K"},
            "enum",
            "input.scheduler",
            f"scheduler must be one of the following: {SCHEDULERS}",
            marks=pytest.mark.conformance(46),
        ),
        pytest.param(
            {"image": IMAGE, "num_outputs": 9},
            "number_lte",
            "input.num_outputs",
            "Must be less than or equal to 8",
            marks=pytest.mark.conformance(47),
        ),
        pytest.param(
            {"image": IMAGE, "num_outputs": 0},
            "number_gte",
            "input.num_outputs",
            "Must be greater than or equal to 1",
            marks=pytest.mark.conformance(47),
        ),
        pytest.param(
            {"image": IMAGE, "num_outputs": "1"},
            "invalid_type",
            "input.num_outputs",
            "Invalid type. Expected: integer, given: string",
            marks=pytest.mark.conformance(48),
        ),
        pytest.param(
            {"image": "a.png"},
            "format",
            "input.image",
            "Does not match format 'uri'",
            marks=pytest.mark.conformance(49),
        ),
    ],
)
async def test_one_mistake_is_answered_in_the_wires_words(
    rig: Rig, input_: Mapping[str, object], type_: str, field: str, description: str
) -> None:
    answer = await asked(rig, input_)

    assert answer.status_code == 422
    assert answer.json() == {
        "title": "Input validation failed",
        "detail": f"- {field}: {description}\n",
        "status": 422,
        "invalid_fields": [{"type": type_, "field": field, "description": description}],
    }


@pytest.mark.conformance(50)
async def test_all_mistakes_are_told_in_one_order(rig: Rig) -> None:
    input_ = {"num_outputs": 9, "scheduler": "K", "seed": "x", "prompt": 1}
    answer = await asked(rig, input_, model="x", webhook="nonsense")
    told = answer.json()

    assert answer.status_code == 422
    assert len(told["invalid_fields"]) == 7
    assert told["detail"] == "".join(
        f"- {one['field']}: {one['description']}\n" if one["field"] else f"- {one['description']}\n"
        for one in told["invalid_fields"]
    )
    assert await rig.listed() == []


@pytest.mark.conformance(51)
async def test_a_filter_is_not_taken_without_a_webhook(rig: Rig) -> None:
    answer = await asked(rig, {"image": IMAGE}, webhook_events_filter=["completed"])

    assert answer.status_code == 422
    assert answer.json()["detail"] == "- webhook_events_filter cannot be provided without webhook\n"
    assert await rig.listed() == []


@pytest.mark.conformance(51)
@pytest.mark.parametrize("webhook", ["nonsense", "hooks.example.test/x", "ftp://a.test/", ""])
async def test_a_webhook_that_is_no_url_is_told_as_a_format(rig: Rig, webhook: str) -> None:
    answer = await asked(rig, {"image": IMAGE}, webhook=webhook)

    assert answer.status_code == 422
    assert answer.json()["invalid_fields"] == [
        {"type": "format", "field": "webhook", "description": "Not a valid HTTPS URL"}
    ]
    assert await rig.listed() == []

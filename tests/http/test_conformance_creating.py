"""How a prediction may be asked for, and what a client reads first in the answer."""

import re
from collections.abc import Mapping
from typing import cast

import httpx2
import pytest
from tests.support.rig import Rig

from darkroom.domain.ids import Owner, PredictionId, VersionId
from darkroom.domain.prediction import JsonText, Shape
from darkroom.ports.predictions import Acceptance

SD = "stability-ai/stable-diffusion-img2img"
SD_VERSION = "15a3689ee13b0d2616e98820eca31d4c3abcd36672df6afce5cb6feb1d66087d"
MULTI = "flux-kontext-apps/multi-image-kontext-pro"
PICTURE = "https://files.example.test/a.png"
SD_INPUT = {"image": PICTURE}
MULTI_INPUT = {"prompt": "together", "input_image_1": PICTURE, "input_image_2": PICTURE}
ECHO: Mapping[str, object] = {"version": "darkroom/echo", "input": {"image": "data:,x"}}


def is_version(told: object) -> bool:
    """Whether *told* may stand as the version of a prediction."""
    return isinstance(told, str) and re.fullmatch(r"[0-9a-f]{64}|hidden", told) is not None


async def asked(rig: Rig, path: str, body: object) -> dict[str, object]:
    answer = await rig.client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return cast("dict[str, object]", answer.json())


def faults(answer: httpx2.Response) -> list[dict[str, str]]:
    assert answer.status_code == 422, answer.text
    return cast("list[dict[str, str]]", answer.json()["invalid_fields"])


@pytest.mark.parametrize(
    ("version", "input_", "shown"),
    [
        pytest.param(SD_VERSION, SD_INPUT, SD_VERSION, marks=pytest.mark.conformance(12)),
        pytest.param(f"{SD}:{SD_VERSION}", SD_INPUT, SD_VERSION, marks=pytest.mark.conformance(13)),
        pytest.param(MULTI, MULTI_INPUT, "hidden", marks=pytest.mark.conformance(14)),
    ],
)
async def test_a_prediction_begins_empty_however_its_version_is_named(
    rig: Rig, version: str, input_: Mapping[str, object], shown: str
) -> None:
    made = await asked(rig, "/v1/predictions", {"version": version, "input": input_})

    assert made["version"] == shown
    assert made["model"] == (MULTI if version == MULTI else SD)
    assert made["status"] == "starting"
    assert made["input"] == input_
    assert (made["output"], made["logs"], made["error"]) == (None, "", None)
    assert made["data_removed"] is False


@pytest.mark.conformance(15)
@pytest.mark.parametrize(
    "version",
    [
        f"{SD}:latest",
        f"{MULTI}:latest",
        f"{SD}:{SD_VERSION[:12]}",
        SD_VERSION[:12],
        "0" * 64,
        f"{SD}:{'0' * 64}",
        f"acme/other:{SD_VERSION}",
        "acme/other",
        "latest",
        "",
    ],
)
async def test_a_version_that_is_not_there_is_told_in_the_wires_words(
    rig: Rig, version: str
) -> None:
    body = {"version": version, "input": SD_INPUT}
    answer = await rig.client.post("/v1/predictions", json=body)

    assert answer.status_code == 422
    assert answer.json() == {
        "title": "Invalid version or not permitted",
        "detail": "The specified version does not exist "
        "(or perhaps you don't have permission to use it?)",
        "status": 422,
    }
    assert await rig.listed() == []


@pytest.mark.conformance(16)
async def test_a_body_without_a_version_is_told_so(rig: Rig) -> None:
    answer = await rig.client.post("/v1/predictions", json={"input": SD_INPUT})

    assert faults(answer) == [
        {"type": "required", "field": "", "description": "version is required"}
    ]
    assert answer.json()["detail"] == "- version is required\n"


@pytest.mark.conformance(17)
@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/models/darkroom/echo/predictions"])
async def test_a_key_that_nobody_knows_is_named(rig: Rig, path: str) -> None:
    named = {} if "models" in path else {"version": "darkroom/echo"}
    body = {"input": ECHO["input"], "model": "darkroom/echo", **named}
    answer = await rig.client.post(path, json=body)

    assert faults(answer) == [
        {
            "type": "additional_property_not_allowed",
            "field": "",
            "description": "Additional property model is not allowed",
        }
    ]
    assert answer.json()["detail"] == "- Additional property model is not allowed\n"
    assert await rig.listed() == []


@pytest.mark.parametrize(
    ("model", "input_", "shown"),
    [
        pytest.param(MULTI, MULTI_INPUT, "hidden", marks=pytest.mark.conformance(18)),
        pytest.param(SD, SD_INPUT, SD_VERSION, marks=pytest.mark.conformance(19)),
    ],
)
async def test_a_models_own_address_needs_no_version(
    rig: Rig, model: str, input_: Mapping[str, object], shown: str
) -> None:
    made = await asked(rig, f"/v1/models/{model}/predictions", {"input": input_})

    assert (made["model"], made["version"], made["status"]) == (model, shown, "starting")


@pytest.mark.conformance(21)
@pytest.mark.parametrize(
    "outdated",
    [
        {"stream": True},
        {"stream": False},
        {"webhook_completed": "https://hooks.example.test/x"},
        {"webhook_completed": None, "stream": True},
    ],
)
@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/models/darkroom/echo/predictions"])
async def test_outdated_keys_of_a_body_do_no_harm(
    rig: Rig, path: str, outdated: Mapping[str, object]
) -> None:
    named = {} if "models" in path else {"version": "darkroom/echo"}

    await asked(rig, path, {"input": ECHO["input"], **named, **outdated})


@pytest.mark.conformance(27)
@pytest.mark.parametrize(
    ("version", "input_"), [(SD, SD_INPUT), (MULTI, MULTI_INPUT), ("darkroom/echo", SD_INPUT)]
)
async def test_the_version_is_told_wherever_a_prediction_is_shown(
    rig: Rig, version: str, input_: Mapping[str, object]
) -> None:
    body = {"version": version, "input": input_}
    made = await asked(rig, "/v1/predictions", body)
    waited = await rig.client.post("/v1/predictions", json=body, headers={"Prefer": "wait=1"})
    got = await rig.get(made["id"])
    canceled = await rig.client.post(f"/v1/predictions/{made['id']}/cancel")
    model = (await rig.client.get(f"/v1/models/{version}")).json()

    assert waited.status_code == 202
    told = {made["version"], waited.json()["version"], got["version"], canceled.json()["version"]}
    told |= {one["version"] for one in await rig.listed()}
    assert len(told) == 1
    assert is_version(told.pop())
    assert model["default_example"] is None or is_version(model["default_example"]["version"])


@pytest.mark.conformance(27)
async def test_the_version_is_told_when_its_model_is_gone(rig: Rig) -> None:
    id_ = PredictionId("06gzkajyg9tskfgcd93sv538vc")
    gone = Acceptance(
        id=id_,
        owner=Owner("admin"),
        model="acme/gone",
        version=VersionId("f" * 64),
        shape=Shape.ONE,
        input=JsonText("{}"),
    )
    await rig.store.accept(gone)

    assert [(await rig.get(id_))["version"], (await rig.listed())[0]["version"]] == ["f" * 64] * 2

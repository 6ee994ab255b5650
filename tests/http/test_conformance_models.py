"""Every model and version that is listed has what clients insist on."""

import re

import pytest
from tests.support.rig import Rig


@pytest.mark.conformance(83)
async def test_every_version_tells_its_cog_version_and_its_schemas(rig: Rig) -> None:
    models = (await rig.client.get("/v1/models")).json()["results"]
    assert models

    for model in models:
        path = f"/v1/models/{model['owner']}/{model['name']}"
        version = (await rig.client.get(f"{path}/versions/{model['latest_version']['id']}")).json()
        assert re.fullmatch(r"[0-9a-f]{64}", version["id"])
        assert re.fullmatch(r"\d+\.\d+\.\d+", version["cog_version"])
        schemas = version["openapi_schema"]["components"]["schemas"]
        assert schemas["Input"]["type"] == "object"
        assert schemas["Input"]["properties"]
        assert schemas["Output"]["type"] in {"string", "array"}

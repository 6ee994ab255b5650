"""A server's log holds its own lines alone, whatever the libraries of its models would say."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.pictures import data_url, png
from tests.support.processes import Server

PROMPT = "A fantasy landscape, trending on artstation. " * 60
PICTURE = data_url(png())
REQUESTS: Mapping[str, Mapping[str, object]] = {
    "stability-ai/stable-diffusion-img2img": {
        "image": PICTURE,
        "negative_prompt": PROMPT,
        "num_inference_steps": 3,
    },
    "flux-kontext-apps/multi-image-kontext-pro": {
        "input_image_1": PICTURE,
        "input_image_2": PICTURE,
    },
    "black-forest-labs/flux-kontext-dev": {"input_image": PICTURE, "num_inference_steps": 4},
}
FOREIGN = re.compile(r"transformers|diffusers|torch|tokeniz|shards|warning", re.IGNORECASE)


@pytest.mark.timeout(300)
def test_models_of_every_family_say_nothing_that_is_not_ours(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        ended = [
            server.ended(server.create(model, {"prompt": PROMPT, **more}))
            for model, more in REQUESTS.items()
        ]
        assert server.stop() in (0, 143, -15)
    assert [one["status"] for one in ended] == ["succeeded"] * len(REQUESTS)
    assert [line for one in ended for line in FOREIGN.findall(str(one["logs"]))] == []
    told = (tmp_path / "server.log").read_text().splitlines()
    assert told
    assert [line for line in told if not is_event(line)] == []


def is_event(line: str) -> bool:
    try:
        return "event" in json.loads(line)
    except ValueError:
        return False

"""Both sides of the picture benchmark do the same work."""

from pathlib import Path

import pytest
from bench.order import Order
from bench.picture import FULL_MODEL, TINY_MODEL, Case, direct_command

ORDER = Order(
    image="in.png",
    prompt="a lighthouse",
    seed=7,
    num_inference_steps=5,
    prompt_strength=0.8,
    guidance_scale=7.5,
)


@pytest.mark.parametrize(("model", "alone"), [(TINY_MODEL, True), (FULL_MODEL, False)])
def test_tiny_weights_compute_on_one_thread_as_the_server_does(model: str, *, alone: bool) -> None:
    case = Case(name="a case", model=model, weights=Path("weights"), rounds=1, goal=None)
    assert ("alone" in direct_command(case, ORDER)) is alone

"""A placer without a token for Ray says what to set, for Ray itself would end it without a word."""

import socket
from pathlib import Path

import pytest

from darkroom.domain.errors import InvalidSetting
from darkroom.placers.ray import RayPlacer
from darkroom.placers.ray_talk import Begin
from darkroom.placers.ray_token import check_token


async def test_a_placer_without_a_token_names_the_variables_that_give_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        begin = Begin(address=f"127.0.0.1:{head.getsockname()[1]}", namespace="n", command=())
        placer = RayPlacer(begin, {"HOME": str(tmp_path)})
        with pytest.raises(InvalidSetting, match="RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH"):
            await placer.reconcile({})


@pytest.mark.parametrize(
    "environment",
    [{}, {"RAY_AUTH_TOKEN": "t"}, {"RAY_AUTH_TOKEN_PATH": "{home}/mine"}, {"HOME": "{home}"}],
)
def test_a_token_is_found_wherever_ray_looks(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "mine").write_text("t\n")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("t\n")
    filled = {name: value.format(home=tmp_path) for name, value in environment.items()}
    check_token(filled | ({"RAY_AUTH_MODE": "token"} if filled else {}))


def test_a_file_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    path = tmp_path / "token"
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}
    with pytest.raises(InvalidSetting, match=f"{path} cannot be read"):
        check_token(environment)
    path.write_text("\n")
    with pytest.raises(InvalidSetting, match=f"{path} is empty"):
        check_token(environment)

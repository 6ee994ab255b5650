"""A keeper's worker gets its node's environment, without what commands the cluster."""

from pathlib import Path

from darkroom.placers.ray_keeper import Keeper, Place, filled, worker_environment

NODE = {"PATH": "/bin", "RAY_AUTH_TOKEN": "t", "CUDA_VISIBLE_DEVICES": "1", "DARKROOM_TOKEN": "own"}


def place(tokens: Path | None = None, *command: str) -> Place:
    told = str(tokens) if tokens else None
    return Place(name="default-1", pool="default", command=command, tokens=told)


def test_a_worker_gets_no_token_of_the_cluster_and_that_of_its_node() -> None:
    assert worker_environment(NODE, place()) == {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "1",
        "DARKROOM_TOKEN": "own",
    }


def test_the_token_of_its_pool_comes_before_that_of_its_node(tmp_path: Path) -> None:
    (tmp_path / "default").write_text("of the pool\n")
    assert worker_environment(NODE, place(tmp_path))["DARKROOM_TOKEN"] == "of the pool"


def test_the_command_is_filled_in_word_by_word() -> None:
    words = ("{python}", "--name={name}", "{pool}", "{other}")
    assert filled(place(None, *words), "py") == ["py", "--name=default-1", "default", "{other}"]


def test_a_worker_that_lacks_its_token_is_told_and_none_is_started(tmp_path: Path) -> None:
    keeper = Keeper(place(tmp_path, "{python}", "-c", "pass"))
    pulse = keeper.ping()
    assert pulse.pid is None
    assert pulse.fault == f"{tmp_path}/default: cannot be read (No such file or directory)"
    keeper.drain(0)
    assert keeper.ping().draining

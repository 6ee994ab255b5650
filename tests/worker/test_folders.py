"""A worker's files go with it; what a dead worker left goes when the next one starts."""

from pathlib import Path

from darkroom.worker.folders import remove_stale, run_folder


def test_a_folder_lives_as_long_as_its_worker(tmp_path: Path) -> None:
    with run_folder(tmp_path / "run", "local-1") as folder:
        (folder / "picture").write_bytes(b"x")
        remove_stale(tmp_path / "run")
        assert (folder / "picture").exists()
    assert list((tmp_path / "run").iterdir()) == []


def test_what_dead_workers_left_is_removed_and_what_live_ones_have_is_kept(tmp_path: Path) -> None:
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / "picture").write_bytes(b"x")
    (tmp_path / "dead.lock").touch()
    (tmp_path / "half").mkdir()
    with run_folder(tmp_path, "alive"), run_folder(tmp_path, "new"):
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"alive", "alive.lock", "new", "new.lock"}

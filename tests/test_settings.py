"""Settings: which source wins, what the operator's file may hold, and how a mistake is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom.domain.errors import InvalidSetting
from darkroom.settings import Settings, load

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no variable of the machine that runs the tests."""
    for name in ("CONFIG", *(field.upper() for field in Settings.model_fields)):
        monkeypatch.delenv(f"DARKROOM_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    """Writes darkroom.yaml into the working directory."""

    def written(text: str) -> Path:
        path = folder / "darkroom.yaml"
        path.write_text(text, "utf-8")
        return path

    return written


# which source wins


def test_without_any_source_the_defaults_hold() -> None:
    assert load({}).port == 8000


def test_the_file_wins_over_the_default(write: Write) -> None:
    write("port: 9001")
    assert load({}).port == 9001


def test_the_environment_wins_over_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("port: 9001\nworkers: 3")
    monkeypatch.setenv("DARKROOM_PORT", "9002")
    assert (load({}).port, load({}).workers) == (9002, 3)


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_PORT", "9002")
    assert load({"port": 9003}).port == 9003


def test_another_file_may_be_named(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("port: 9001")
    other = folder / "other.yaml"
    other.write_text("port: 9004")
    monkeypatch.setenv("DARKROOM_CONFIG", str(other))
    assert load({}).port == 9004


# what the file may hold


def test_a_list_is_written_with_commas_or_as_a_list(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("allowed_hosts: [a.example, b.example]\negress_allow: nas.lan:8080, 10.0.0.0/8")
    assert load({}).allowed_hosts == ("a.example", "b.example")
    assert load({}).egress_allow == ("nas.lan:8080", "10.0.0.0/8")
    monkeypatch.setenv("DARKROOM_ALLOWED_HOSTS", " c.example ,, d.example")
    assert load({}).allowed_hosts == ("c.example", "d.example")


def test_values_come_from_the_environment_at_any_depth(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "sixteen characters: long")
    monkeypatch.setenv("PORT", "9005")
    write(
        'bootstrap_key: ${SECRET}\nport: ${PORT}\nallowed_hosts: ["${PORT}.example"]\n'
        "models: {a/b: {runner: echo, description: 'on ${PORT}'}}"
    )
    settings = load({})
    assert settings.bootstrap_key is not None
    assert settings.bootstrap_key.get_secret_value() == "sixteen characters: long"
    assert (settings.port, settings.allowed_hosts) == (9005, ("9005.example",))
    assert settings.models["a/b"]["description"] == "on 9005"


def test_a_value_cannot_change_the_shape_of_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "127.0.0.1\nport: 1")
    write('host: "${HOST}"')
    assert load({}).port == 8000


def test_a_name_in_a_comment_is_not_required(write: Write) -> None:
    write("# bootstrap_key: ${NOT_THERE_AT_ALL}\nport: 9001")
    assert load({}).port == 9001


def test_an_empty_file_sets_nothing(write: Write) -> None:
    write("# nothing yet\n")
    assert load({}).model_fields_set == set()


# how a mistake is told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"),
        ("port", "web"),
        ("weights", "heavy"),
        ("bootstrap_key", "too short"),
        ("worker_token", "too short"),
        ("workers", "-1"),
        ("run_limit_seconds", "0"),
        ("fsync_files", "perhaps"),
        ("models", "{not json"),
        ("public_url", "example.org"),
        ("public_url", "ftp://example.org"),
        ("public_url", "https://"),
        ("public_url", "https://example.org/darkroom"),
        ("public_url", "https://example.org?a=b"),
        ("public_url", "https://me@example.org"),
        ("public_url", "https://example.org:web"),
        ("public_url", "http://[::1"),
        ("hub_url", "nonsense"),
        ("files_url", "bucket"),
        ("files_url", "https://bucket.example.org"),
        ("files_url", "s3://"),
        ("files_url", "s3://Bucket"),
        ("files_url", "s3://bucket//prefix"),
        ("files_url", "s3://bucket/../prefix"),
        ("files_url", "s3://key:secret@bucket"),
        ("files_endpoint", "bucket.example.org"),
        ("hub_url", "file:///weights"),
        ("hub_url", "https://:443"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"DARKROOM_{name.upper()}", value)
    with pytest.raises(InvalidSetting, match=name):
        load({})


def test_a_word_that_is_no_choice_is_told_with_the_choices() -> None:
    with pytest.raises(InvalidSetting) as caught:
        load({"weights": "tinny"})
    assert str(caught.value) == "weights is 'tinny'; it must be 'hub' or 'tiny'"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("public_url", "https://example.org", "https://example.org"),
        ("public_url", "http://10.0.0.1:8080/", "http://10.0.0.1:8080"),
        ("public_url", "https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("hub_url", "https://mirror.example/hub/", "https://mirror.example/hub"),
    ],
)
def test_an_address_that_can_be_used_is_kept_without_its_last_slash(
    name: str, value: str, kept: str
) -> None:
    assert load({name: value}).model_dump()[name] == kept


def test_a_key_that_is_no_setting_is_named(write: Write) -> None:
    write("prot: 9001")
    with pytest.raises(InvalidSetting, match="prot: there is no such setting"):
        load({})


def test_a_secret_is_not_repeated_in_the_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_BOOTSTRAP_KEY", "hush")
    with pytest.raises(InvalidSetting) as caught:
        load({})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"port: [", "is not YAML: line 1, column 8: expected"),
        (b"port: 2026-13-45", "is not YAML"),
        (b"- port", "must be a mapping"),
        (b"host: \xff", "is not UTF-8"),
        (b"8000: port", "the key 8000 is not text"),
        (b"~: port", "the key None is not text"),
        (b"models: {a/b: {1: 2}}", "the key 1 is not text"),
        (b"host: ${NOT_THERE_AT_ALL}", "names \\${NOT_THERE_AT_ALL}"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_own_name(
    content: bytes, sentence: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "mine.yaml"
    path.write_bytes(content)
    monkeypatch.setenv("DARKROOM_CONFIG", str(path))
    with pytest.raises(InvalidSetting, match=f"mine.yaml: {sentence}"):
        load({})


def test_a_named_file_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_CONFIG", "missing.yaml")
    with pytest.raises(InvalidSetting, match=r"missing\.yaml: cannot be read"):
        load({})


@pytest.mark.parametrize(("written", "kept"), [("on", "on"), ("off", "off"), ("auto", "auto")])
def test_a_choice_may_be_a_word_that_yaml_reads_as_true(
    written: str, kept: str, write: Write
) -> None:
    write(f"inline_outputs: {written}")
    assert load({}).inline_outputs == kept


@pytest.mark.parametrize("written", ["retention: 90s", "retention: 0", 'retention: "0"'])
def test_a_time_is_kept_as_it_was_written(written: str, folder: Path) -> None:
    (folder / "darkroom.yaml").write_text(written)
    assert load({}).retention == written.split()[1].strip('"')


@pytest.mark.parametrize(
    ("name", "value"),
    [("retention", "a day"), ("retention", "-1h"), ("upload_retention", "0"), ("retention", "90")],
)
def test_a_time_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{name}: must be a time such as 90s"):
        load({name: value})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:p@ss@db.lan:5432/d", "postgresql://ada:**********@db.lan:5432/d"),
        ("postgres://ada@db.lan/d", "postgres://ada@db.lan/d"),
        ("postgresql://db.lan:5432/d", "postgresql://db.lan:5432/d"),
        ("postgresql:///d?password=x&host=/run", "postgresql:///d?password=**********&host=/run"),
    ],
)
def test_a_database_is_shown_without_its_password(url: str, shown: str) -> None:
    settings = load({"database_url": url})

    assert settings.model_dump(mode="json")["database_url"] == shown
    assert "ss@" not in repr(settings)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == url


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="database_url: must begin with postgresql://"):
        load({"database_url": "mysql://ada:secret@db.lan/d"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("owners: {ada: 3}", "owners.ada: must name what is granted, such as {weight: 3}"),
        ('owners: {"a b": {weight: 3}}', "owners: the name 'a b' must be 1 to 64 letters"),
        ("files_url: s3://My_Bucket", "files_url: .*the bucket 3 to 63 small letters, digits"),
    ],
)
def test_a_mistake_in_a_group_or_a_name_is_told_with_the_rule(
    write: Write, text: str, words: str
) -> None:
    write(text)
    with pytest.raises(InvalidSetting, match=words):
        load({})


def test_a_group_in_a_variable_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_OWNERS", '{"ada": {"weight": 3}}')
    assert load({}).owners["ada"].weight == 3
    monkeypatch.setenv("DARKROOM_OWNERS", "ada=3")
    with pytest.raises(InvalidSetting, match="owners: DARKROOM_OWNERS must be JSON, such as"):
        load({})

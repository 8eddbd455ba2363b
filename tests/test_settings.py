"""Settings: who goes over whom, and that every mistake is named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import SettingsError
from tidegate.settings import SECTIONS, LogSettings, Settings, choose_home, load, template


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("TIDEGATE_"):
            monkeypatch.delenv(name)


def write(home: Path, text: str) -> Path:
    (home / "tidegate.toml").write_text(text)
    return home


def test_defaults_are_those_of_the_ports_table() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.admin_port, settings.control_port) == (
        "127.0.0.1",
        8000,
        8002,
        8010,
    )
    assert settings.log.fsync == "group"


def test_flag_goes_over_environment_over_file_over_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "port = 1\nadmin_port = 2\ncontrol_port = 3\n[log]\nfsync = 'os'\nbatch_rows = 7\n")
    monkeypatch.setenv("TIDEGATE_PORT", "11")
    monkeypatch.setenv("TIDEGATE_ADMIN_PORT", "12")
    monkeypatch.setenv("TIDEGATE_LOG__FSYNC", "durable")
    settings = load(tmp_path, {"port": 21, "admin_port": None, "log.segment_seconds": 5})
    assert (settings.port, settings.admin_port, settings.control_port) == (21, 12, 3)
    assert (settings.log.fsync, settings.log.batch_rows, settings.log.segment_seconds) == ("durable", 7, 5)
    assert settings.log.ring_records == LogSettings().ring_records


TLS = {"tls.certificate": "c.pem", "tls.key": "k.pem"}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "::", "example.org"])
def test_others_are_listened_to_only_with_keys_and_tls(host: str) -> None:
    with pytest.raises(SettingsError, match=r"no loopback address.*require_keys = true.*insecure_listen"):
        load(flags={"host": host})
    with pytest.raises(SettingsError, match=r"no loopback address.*tls.certificate.*insecure_listen = true"):
        load(flags={"host": host, "require_keys": True})
    with pytest.raises(SettingsError, match=r"require_keys = true"):
        load(flags={"host": host, "insecure_listen": True} | TLS)


@pytest.mark.parametrize("more", [TLS, {"insecure_listen": True}])
def test_what_others_reach_is_scoring_alone(more: dict[str, Any]) -> None:
    settings = load(flags={"host": "0.0.0.0", "require_keys": True} | more)
    assert (settings.host, settings.inner_host) == ("0.0.0.0", "127.0.0.1")
    assert load(flags={"host": "127.0.0.2"}).inner_host == "127.0.0.2"
    with pytest.raises(SettingsError, match="must be an IP address"):
        load(flags={"host": "example.org", "require_keys": True} | more)


def test_tls_is_whole_or_not_there() -> None:
    with pytest.raises(SettingsError, match=r"tls.certificate and tls.key are set together"):
        load(flags={"tls.key": "k.pem"})
    with pytest.raises(SettingsError, match=r"tls.client_ca needs"):
        load(flags={"tls.client_ca": "a.pem"})
    with pytest.raises(SettingsError, match=r"tls.principals.*expected 'name = principal'"):
        load(flags=TLS | {"tls.principals": ("spiffe://x",)})
    names = load(flags=TLS | {"tls.principals": ("spiffe://x?a=b = bob", "h.example=ann")}).tls.names
    assert names == {"spiffe://x?a=b": "bob", "h.example": "ann"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_has_several_names(host: str) -> None:
    assert load(flags={"host": host}).host == host


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("host = 'x'\nprot = 8000\n", "tidegate.toml:2: prot is no setting; the nearest is port"),
        ("[log]\nfsnyc = 'os'\n", "tidegate.toml:2: log.fsnyc is no setting; the nearest is log.fsync"),
        (
            "port = 1\n[logs]\nfsync = 'os'\n",
            "tidegate.toml:3: logs.fsync is no setting; the nearest is log.fsync",
        ),
        ("threads = true\n", "tidegate.toml:1: threads: expected a number or a text; got True"),
        ("[log]\nbatch_rows = true\n", "tidegate.toml:2: log.batch_rows"),
        ("port = 70000\n", "tidegate.toml:1: port"),
        ("port = -1\n", "got -1"),
        ("[log]\n\nfsync = 'sometimes'\n", "tidegate.toml:3: log.fsync"),
        ("log = 3\n", "tidegate.toml:1: log"),
        ("port = 1\nport = 2\n", "tidegate.toml: Cannot overwrite a value (at line 2, column 9)"),
        ("port = \n", "tidegate.toml: Invalid value (at line 1"),
        ("port = 8002\n", "must differ"),
        ("drain_seconds = nan\n", "tidegate.toml:1: drain_seconds"),
        ("log.fsync = 'never'\n", "tidegate.toml:1: log.fsync"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, text))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TIDEGATE_PROT", "1", "TIDEGATE_PROT is no setting; the nearest is TIDEGATE_PORT"),
        ("TIDEGATE_LOG_FSYNC", "os", "the nearest is TIDEGATE_LOG__FSYNC"),
        ("TIDEGATE_LOG", "{}", "TIDEGATE_LOG is no setting"),
        ("TIDEGATE_HOM", "x", "the nearest is TIDEGATE_HOME"),
        ("TIDEGATE_PORT", "many", "TIDEGATE_PORT: "),
        ("TIDEGATE_LOG__BATCH_ROWS", "0", "TIDEGATE_LOG__BATCH_ROWS: "),
    ],
)
def test_a_mistake_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "moves = [{ from = 'uat', to = 'live' }]",
            "toml:2: stages.moves: Value error, there is no stage 'live'",
        ),
        ("moves = [{ from = 'uat', to = 'uat' }]", "leads nowhere or stands twice"),
        ("moves = [{ from = 'uat', to = 'production', gates = ['luck'] }]", "toml:2: stages.moves.0.gates.0"),
        ("moves = [{ from = 'uat' }]", "toml:2: stages.moves.0.to: Field required"),
        ("answering = ['live']", "toml:2: stages.answering: Value error, there is no stage 'live'"),
        ("names = []", "toml:2: stages.names"),
        ("approvers = []", "toml:2: stages.approvers"),
        ("movs = []", "toml:2: stages.movs is no setting; the nearest is stages.moves"),
        ("conversion_tolerance = -1", "toml:2: stages.conversion_tolerance"),
        ("retired = 'attic'", "toml:2: stages.retired: Value error, there is no stage 'attic'"),
        ("retired = 'uat'", "toml:2: stages.retired: Value error, the stage uat may answer or shadow"),
        ("names = ['a', 'b']\nmoves = []\nanswering = []", "stages.shadowing"),
    ],
)
def test_a_mistake_in_the_stages_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, f"[stages]\n{text}\n"))
    assert said in str(caught.value)


def test_stages_come_from_the_file_and_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "require_production = false\n[stages]\nmoves = [{ from = 'uat', to = 'production' }]\n")
    monkeypatch.setenv("TIDEGATE_STAGES__APPROVERS", '["auditor"]')
    settings = load(tmp_path)
    assert not settings.require_production
    assert [(move.source, move.to, move.gates) for move in settings.stages.moves] == [
        ("uat", "production", ())
    ]
    assert settings.stages.approvers == ("auditor",)
    monkeypatch.setenv("TIDEGATE_REQUIRE_PRODUCTION", "true")
    assert load(tmp_path).require_production


def test_nothing_serves_that_has_not_passed_unless_a_home_says_so(tmp_path: Path) -> None:
    assert Settings().require_production
    assert load(write(tmp_path, template())).require_production
    assert not load(write(tmp_path, template(trial=True))).require_production


def test_names_of_the_environment_with_another_meaning_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TIDEGATE_HOME", "TIDEGATE_URL", "TIDEGATE_KEY", "TIDEGATE_ORT_LIBRARY"):
        monkeypatch.setenv(name, "x")
    assert load() == Settings()


@pytest.mark.parametrize(
    ("flags", "said"),
    [({"prot": 1}, "--prot is no setting; the nearest is --port"), ({"log.fsync": "x"}, "--log-fsync: ")],
)
def test_a_mistake_in_a_flag_is_named(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(flags=flags)
    assert said in str(caught.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, "a = 1\nb = 2\n"))
    assert "toml:1: a is" in str(caught.value)
    assert "toml:2: b is" in str(caught.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="can't be read"):
        load(tmp_path)


def test_the_template_is_the_defaults_and_names_every_setting(tmp_path: Path) -> None:
    assert load(write(tmp_path, template())) == Settings()
    names = [name for name in Settings.model_fields if name not in SECTIONS]
    names += [name for section in SECTIONS.values() for name in section.model_fields]
    lines = template().splitlines()
    for name in names:
        assert any(line.startswith(f"# {name} = ") for line in lines), name
    assert len(names) == 59
    spoken = "\n".join(line.removeprefix("# ") if " = " in line else line for line in lines[3:])
    spoken = spoken.replace('\nendpoint = "..."', '\nendpoint = "http://127.0.0.1:4318"')
    assert load(write(tmp_path, spoken.replace('"..."', '"flights"'))).default_endpoint == "flights"


@given(port=st.integers(), rows=st.integers())
def test_a_number_is_taken_as_it_is_or_refused(port: int, rows: int) -> None:
    fits = 0 <= port <= 65535 and port not in (8002, 8010) and rows >= 1
    try:
        settings = load(flags={"port": port, "pane_rows": rows})
    except SettingsError:
        assert not fits
    else:
        assert fits
        assert (settings.port, settings.pane_rows) == (port, rows)


def test_the_home_is_the_flag_then_the_environment_then_the_file_then_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose_home(folder=tmp_path) == tmp_path / ".tidegate"
    write(tmp_path, "home = 'elsewhere'\n")
    assert choose_home(folder=tmp_path) == tmp_path / "elsewhere"
    monkeypatch.setenv("TIDEGATE_HOME", "/from/environment")
    assert choose_home(folder=tmp_path) == Path("/from/environment")
    assert choose_home(Path("/from/flag"), tmp_path) == Path("/from/flag")


def test_within_a_home_that_home_is_meant(tmp_path: Path) -> None:
    write(tmp_path, template())
    (tmp_path / "registry.db").touch()
    assert choose_home(folder=tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("text", "said"),
    [("home = 'x'\nport = 1\n", "'port' has no place here"), ("home = 3\n", "must be a path")],
)
def test_a_pointer_holds_nothing_but_the_home(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        choose_home(folder=write(tmp_path, text))

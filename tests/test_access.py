"""Access: keys that can't be guessed or read back, and a table that refuses what it doesn't name."""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta

import pytest

from conftest import Rooms
from tidegate.access import ALLOWED, LOCAL, OWNER, Principal, Role, is_node, require
from tidegate.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)

MATRIX = {
    # verb: roles that may, by their first letters below
    "score": "SC DS OP",
    "pin": "OP",
    "feedback": "SC DS OP RW",
    "look": "DA DW DE DS MV BA OP AU SC RW AD",
    "status": "DA DW DE DS MV BA OP AU RW AD",
    "create_model": "DS OP",
    "list_models": "DA DW DE DS MV BA OP AU RW AD",
    "get_model": "DA DW DE DS MV BA OP AU RW AD",
    "put_artifact": "DA DW DE DS MV OP RW",
    "get_artifact": "DA DW DE DS OP RW",
    "register_dataset": "DA DW DE DS RW",
    "list_datasets": "DA DW DE DS MV BA OP AU RW AD",
    "get_dataset": "DA DW DE DS MV BA OP AU RW AD",
    "train": "DS OP RW",
    "register_version": "DS OP RW",
    "list_versions": "DA DW DE DS MV BA OP AU RW AD",
    "get_version": "DA DW DE DS MV BA OP AU RW AD",
    "probe_version": "DS OP RW",
    "release_version": "OP",
    "promote_version": "OP",
    "approve_version": "MV",
    "version_gates": "DA DW DE DS MV BA OP AU RW AD",
    "add_blind_set": "MV",
    "list_blind_sets": "DA DW DE DS MV BA OP AU RW AD",
    "judge_blind": "MV",
    "get_sealed_artifact": "MV",
    "rank_versions": "DA DW DE DS MV BA OP AU RW AD",
    "retire_version": "OP",
    "as_of": "DA DW DE DS MV BA OP AU RW AD",
    "create_endpoint": "OP",
    "list_endpoints": "DA DW DE DS MV BA OP AU RW AD",
    "get_endpoint": "DA DW DE DS MV BA OP AU RW AD",
    "set_traffic": "OP AD",
    "get_traffic": "DA DW DE DS MV BA OP AU RW AD",
    "set_rules": "OP AD",
    "set_log": "DW OP AD",
    "get_log": "DA DW DE DS MV BA OP AU RW AD",
    "undo_traffic": "OP AD",
    "set_policy": "OP",
    "get_policy": "DA DW DE DS MV BA OP AU RW AD",
    "challenge": "OP",
    "steer": "OP",
    "list_decisions": "DA DW DE DS MV BA OP AU RW AD",
    "why": "DA DW DE DS MV BA OP AU RW AD",
    "list_deployments": "DA DW DE DS MV BA OP AU RW AD",
    "drift": "DA DW DE DS MV BA OP AU RW AD",
    "check_drift": "OP RW",
    "list_alarms": "DA DW DE DS MV BA OP AU RW AD",
    "retrain": "DS OP RW",
    "list_retrainings": "DA DW DE DS MV BA OP AU RW AD",
    "diagnose": "DA DW DE DS MV BA OP AU RW AD",
    "performance": "DA DW DE DS MV BA OP AU RW AD",
    "lineage": "DA DW DE DS MV BA OP AU RW AD",
    "audit_verify": "MV AU AD",
    "list_audit": "MV AU AD",
    "create_key": "AD",
    "list_keys": "AD",
    "revoke_key": "AD",
    "list_principals": "AD",
}
SHORT = {
    "DA": Role.DATA_ADMINISTRATOR,
    "DW": Role.DATA_STEWARD,
    "DE": Role.DATA_ENGINEER,
    "DS": Role.DATA_SCIENTIST,
    "MV": Role.MODEL_VALIDATOR,
    "BA": Role.BUSINESS_ANALYST,
    "OP": Role.OPERATOR,
    "AU": Role.AUDITOR,
    "SC": Role.SCORING_CLIENT,
    "RW": Role.RETRAINING_WORKER,
    "AD": Role.ADMINISTRATOR,
}


def test_the_roles_are_those_of_the_house() -> None:
    assert len(Role) == 11
    assert set(SHORT.values()) == set(Role)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("verb", sorted(ALLOWED))
def test_the_table_verb_by_verb_and_role_by_role(verb: str, role: Role) -> None:
    principal = Principal(name="somebody", roles=frozenset({role}))
    if role in {SHORT[short] for short in MATRIX[verb].split()}:
        require(principal, verb)
    else:
        with pytest.raises(PermissionDeniedError, match=f"somebody may not {verb}"):
            require(principal, verb)


def test_the_matrix_names_every_verb() -> None:
    assert MATRIX.keys() == ALLOWED.keys()


def test_a_verb_that_the_table_lacks_is_refused_to_everybody() -> None:
    everything = Principal(name="almighty", roles=frozenset(Role))
    with pytest.raises(PermissionDeniedError, match=r"may not approve: it needs nobody"):
        require(everything, "approve")


def test_nobody_without_a_role_may_do_anything() -> None:
    for verb in ALLOWED:
        with pytest.raises(PermissionDeniedError, match="it has none"):
            require(Principal(name="nobody", roles=frozenset()), verb)


def test_a_new_home_has_an_owner_with_a_key_and_a_scoring_client(rooms: Rooms) -> None:
    key = rooms.access.found()
    owner = rooms.access.authenticate(key)
    assert owner.name == OWNER
    assert Role.ADMINISTRATOR in owner.roles
    assert Role.MODEL_VALIDATOR not in owner.roles
    others = {"approve_version", "add_blind_set", "judge_blind", "get_sealed_artifact"}
    for verb in ALLOWED.keys() - others:
        require(owner, verb)
    for verb in others:
        with pytest.raises(PermissionDeniedError, match="it needs model_validator"):
            require(owner, verb)
    assert rooms.access.principal(LOCAL).roles == {Role.SCORING_CLIENT}
    with pytest.raises(ConflictError):
        rooms.access.found()
    rooms.clock.advance(days=10_000)
    assert rooms.access.authenticate(key) == owner


def test_a_key_has_256_bits_and_is_not_kept(rooms: Rooms) -> None:
    rooms.access.found()
    key = rooms.access.create_key("ada", "data_scientist", principal=OWNER)
    assert re.fullmatch(r"tg_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}", key)
    assert 62**43 > 2**256
    secret = key.split("_")[2].encode()
    rooms.database.checkpoint()
    for file in rooms.root.rglob("*"):
        if file.is_file() and file.name != "registry.db-shm":
            assert secret not in file.read_bytes(), file
    keys = {rooms.access.create_key("ada", principal=OWNER) for _ in range(20)}
    assert len(keys) == 20


def test_a_key_is_its_principal(rooms: Rooms) -> None:
    rooms.access.found()
    key = rooms.access.create_key("ada", "data_scientist", principal=OWNER)
    assert rooms.access.authenticate(key) == Principal(name="ada", roles=frozenset({Role.DATA_SCIENTIST}))
    assert [each.name for each in rooms.access.principals()] == ["ada", LOCAL, OWNER]


def test_every_key_that_is_no_good_gets_the_same_answer(rooms: Rooms) -> None:
    good = rooms.access.found()
    _, identity, secret = good.split("_")
    other = "0" * 43 if secret[0] != "0" else "1" * 43
    bad = [
        "",
        "x",
        "tg__",
        f"tg_{identity}_{other}",
        f"tg_0000000000_{secret}",
        good + "x",
        good[:-1],
        f" {good}",
        "é" * 60,
    ]
    for key in bad:
        with pytest.raises(UnauthenticatedError, match=r"^no valid key was given$"):
            rooms.access.authenticate(key)


def test_a_key_of_another_home_is_no_good(rooms: Rooms) -> None:
    key = rooms.access.found()
    rooms.access._pepper = b"another"
    with pytest.raises(UnauthenticatedError):
        rooms.access.authenticate(key)


def test_a_key_expires(rooms: Rooms) -> None:
    rooms.access.found()
    key = rooms.access.create_key("ada", "auditor", principal=OWNER, lifetime=timedelta(days=1))
    rooms.clock.advance(hours=23, minutes=59)
    rooms.access.authenticate(key)
    rooms.clock.advance(minutes=1)
    with pytest.raises(UnauthenticatedError):
        rooms.access.authenticate(key)


def test_a_key_lives_90_days_unless_it_is_said_otherwise(rooms: Rooms) -> None:
    rooms.access.found()
    rooms.access.create_key("ada", "auditor", principal=OWNER)
    created = (
        rooms.access.keys()[-1] if rooms.access.keys()[-1].principal == "ada" else rooms.access.keys()[0]
    )
    assert created.expires_at == rooms.clock() + timedelta(days=90)


def test_a_revoked_key_ends_at_once_and_for_good(rooms: Rooms) -> None:
    rooms.access.found()
    key = rooms.access.create_key("ada", "auditor", principal=OWNER)
    identity = key.split("_")[1]
    revoked = rooms.access.revoke_key(identity, principal=OWNER)
    rooms.clock.advance(days=1)
    assert rooms.access.revoke_key(identity, principal=OWNER) == revoked
    with pytest.raises(UnauthenticatedError):
        rooms.access.authenticate(key)
    with pytest.raises(NotFoundError, match="no key 'nothing'"):
        rooms.access.revoke_key("nothing", principal=OWNER)
    assert [entry["action"] for entry in rooms.audit.entries()].count("revoke_key") == 1


def test_what_does_not_fit_is_named(rooms: Rooms) -> None:
    rooms.access.found()
    with pytest.raises(InvalidInputError, match="there is no role 'king'; there are data_administrator, "):
        rooms.access.create_key("ada", "king", principal=OWNER)
    with pytest.raises(NotFoundError, match="no principal 'ada'; name a role"):
        rooms.access.create_key("ada", principal=OWNER)
    with pytest.raises(NotFoundError, match="no principal 'ada'"):
        rooms.access.principal("ada")
    with pytest.raises(InvalidInputError, match="needs a role"):
        rooms.access.create_principal("ada", [], principal=OWNER)
    with pytest.raises(InvalidInputError, match="not a principal's name"):
        rooms.access.create_principal("a b", ["auditor"], principal=OWNER)
    rooms.access.create_key("ada", "auditor", principal=OWNER)
    with pytest.raises(ConflictError, match="ada is auditor, not operator"):
        rooms.access.create_key("ada", "operator", principal=OWNER)


def test_a_failed_key_leaves_no_principal(rooms: Rooms) -> None:
    rooms.access.found()
    before = rooms.audit.verify()
    with pytest.raises(InvalidInputError):
        rooms.access.create_key("ada", "king", principal=OWNER)
    assert rooms.audit.verify() == before
    assert len(rooms.access.principals()) == 2


def test_the_audit_log_knows_who_gave_a_key_to_whom_and_no_secret(rooms: Rooms) -> None:
    rooms.access.found()
    key = rooms.access.create_key("ada", "auditor", principal=OWNER)
    entry = rooms.audit.entries()[-1]
    assert (entry["actor"], entry["action"], entry["detail"]["principal"]) == (OWNER, "create_key", "ada")
    assert key.split("_")[2] not in (rooms.root / "audit.jsonl").read_text()


def test_threads_that_name_the_same_principal_make_one(rooms: Rooms) -> None:
    rooms.access.found()
    barrier = threading.Barrier(8)
    made: list[str] = []

    def work() -> None:
        barrier.wait()
        made.append(rooms.access.create_key("ada", "auditor", principal=OWNER))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({rooms.access.authenticate(key).name for key in made}) == 1
    assert len(made) == 8


def test_the_node_key_is_compared_whole() -> None:
    assert is_node("tgn_x", "tgn_x")
    assert not is_node("tgn_", "tgn_x")
    assert not is_node("é", "tgn_x")


def test_the_scoring_port_gets_rights_and_keys_in_force_but_no_secret(rooms: Rooms) -> None:
    changes = []
    owner_key = rooms.access.found()
    rooms.access.on_change = lambda: changes.append(len(rooms.access.scoring_table()["keys"]))
    token = rooms.access.create_key("bob", "scoring_client", principal=OWNER, lifetime=timedelta(seconds=90))
    gone = rooms.access.create_key("bob", principal=OWNER)
    rooms.access.revoke_key(gone.split("_")[1], principal=OWNER)
    assert changes == [2, 3, 2]
    table = rooms.access.scoring_table()
    rights = {principal["name"]: principal["rights"] for principal in table["principals"]}
    assert rights["bob"] == ["look", "score", "feedback"]
    assert rights[OWNER] == ["look", "score", "pin", "feedback"]
    keys = {key["id"]: key for key in table["keys"]}
    assert keys.keys() == {owner_key.split("_")[1], token.split("_")[1]}
    bobs = keys[token.split("_")[1]]
    assert (bobs["principal"], bobs["expires_at"]) == ("bob", int(rooms.clock().timestamp()) + 90)
    assert keys[owner_key.split("_")[1]]["expires_at"] is None
    assert token.split("_")[2] not in json.dumps(table)

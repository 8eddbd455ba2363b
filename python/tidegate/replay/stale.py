"""The recording once more with the loop switched off: the first champion answers everything."""

from __future__ import annotations

from pathlib import Path

from tidegate.client import Client
from tidegate.installation import open_home
from tidegate.replay import home, serving
from tidegate.replay.candidates import Trained, register_one
from tidegate.replay.plan import Plan
from tidegate.replay.server import Server
from tidegate.replay.source import Source
from tidegate.replay.view import View
from tidegate.replay.worth import Floats, answered
from tidegate.types import Contract

FOLDER = "without-loop"
_LOOK_HOURS = 48
_SETTINGS = """# The settings of a replay's second home, in which one version answers everything.
require_production = false

[log]
batch_milliseconds = 50
"""


def scores(
    source: Source, champion: Trained, contract: Contract, *, root: Path, plan: Plan, view: View
) -> Floats:
    """Replays ``plan`` through a server of a second home at ``root``; the score of each row."""
    name = source.name
    home.make(root, _SETTINGS)
    with open_home(root) as owner:
        owner.create_model(name, source.question)
        info = register_one(owner, name, champion)
        owner.create_endpoint(name, name, contract=contract)
        owner.set_traffic(name, {str(info["version"]): 1.0}, reason="the loop is off")
    with Server(root) as server, Client(home=root) as application:
        stage = serving.Stage(server, application, name, contract)
        served = serving.serve(stage, plan, view, _LOOK_HOURS)
    return answered(root, name, plan, served.outcome.predictions)

"""The quickstart: home, model, endpoint, server and a first scored row in one command."""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.cli import output
from tidegate.cli.session import client
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from tidegate.gateway import Ready
    from tidegate.installation import Installation

JSON = dict[str, Any]


class Quickstart:
    """One ``tidegate quickstart``; what exists already is used again."""

    def __init__(
        self, home: Path | None, model: Path, reference: Path | None, name: str | None, *, as_json: bool
    ) -> None:
        from tidegate.settings import choose_home

        for file in (model, reference):
            if file is not None and not file.is_file():
                raise InvalidInputError(f"there is no file {file}")
        self.root = choose_home(home).absolute()
        self.model, self.reference = model, reference
        self.name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", model.stem).strip("-._") or "model"
        self.as_json = as_json
        self._failed: BaseException | None = None

    def run(self, flags: Mapping[str, Any], *, wait: bool) -> None:
        """Registers, serves and scores; returns at once without ``wait``, else when the server is stopped."""
        from tidegate.gateway import Control

        row = self._prepare()
        said: list[Ready] = []

        def work() -> None:
            try:
                self._score(said[0], row)
            except BaseException as error:  # raised again in the main thread
                self._failed = error
                return
            if wait:
                threading.Event().wait()

        Control(self.root, flags).run(said.append, until=work)
        if self._failed is not None:
            raise self._failed

    def _prepare(self) -> JSON:
        """Everything that needs no server; answers the row to score."""
        from tidegate.installation import init, open_home
        from tidegate.store.home import is_home

        if not is_home(self.root):
            init(self.root, trial=True)
            self._say(
                f"trial home {self.root} created: require_production = false in its tidegate.toml "
                "lets versions answer that passed no gate"
            )
        with open_home(self.root) as verbs:
            number = self._version(verbs)
            try:
                endpoint = verbs.get_endpoint(self.name)
            except NotFoundError:
                endpoint = verbs.create_endpoint(self.name, self.name, number)
            verbs.set_traffic(self.name, {number: 1.0}, reason="quickstart")
            self._say(f"endpoint {self.name}: version {number} answers")
        return self._row(endpoint["contract"])

    def _version(self, verbs: Installation) -> str:
        try:
            verbs.get_model(self.name)
        except NotFoundError:
            verbs.create_model(self.name, f"from {self.model.name}")
        try:
            made = verbs.register_model_file(self.name, self.model, self.reference)
        except ConflictError:
            onnx = verbs.artifact(self.model)
            made = next(
                found
                for found in reversed(verbs.list_versions(self.name))
                if found["manifest"]["onnx"] == onnx
            )
        drift = "on" if made["manifest"]["profile"] else "off (no --reference)"
        self._say(f"model {self.name} version {made['version']}, drift {drift}")
        return str(made["version"])

    def _row(self, contract: JSON) -> JSON:
        """The first reference row, or zeros and empty strings, as the contract's columns."""
        first: JSON = {}
        if self.reference is not None:
            from tidegate.training.columns import read_table

            first = read_table(self.reference).head(1).to_dicts()[0]
        row: JSON = {}
        for spec in contract["inputs"]:
            empty: Any = "" if spec["datatype"] == "BYTES" else 0
            row |= {column: first.get(column, empty) for column in spec["columns"]}
        return row

    def _score(self, ready: Ready, row: JSON) -> None:
        from tidegate.client.records import plain

        with client(self.root) as server:
            answer = server.score(self.name, [row])
            drift = server.drift(self.name)
        if self.as_json:
            output.write_json(
                {"ready": ready.to_json(), "answer": answer, "drift": drift["versions"]}, indent=None
            )
            return
        first = {name: output.shown(value) for name, value in answer["predictions"][0].items()}
        output.write(f"scored one row: {', '.join(f'{name} {value}' for name, value in first.items())}")
        output.write(f"prediction {answer['prediction_id']}, version {answer['version']}")
        for version in drift["versions"]:
            output.write(f"drift counts {version['rows']} rows of version {version['version']}")
        body = shlex.quote(json.dumps({"records": [plain(row)]}))
        output.write("again, from a shell:")
        output.write(
            f"  curl -s {ready.data}/v1/endpoints/{self.name}/score "
            f"-H 'content-type: application/json' -d {body}"
        )
        output.write(f"management {ready.control}; Ctrl-C stops")

    def _say(self, text: str) -> None:
        if not self.as_json:
            output.write(text)

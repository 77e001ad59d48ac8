"""Runs recorded offline, and a server that takes what `wandb sync` sends: as much of W&B as uploading needs."""

import gzip
import json
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from stgdn.wandb_tools.logger import RunLogger, build_loggers


def run_config(folder: Path, **changed: Any) -> DictConfig:  # noqa: ANN401
    """As much of a run's config as its record needs."""
    content = {
        "logger": {"wandb": "offline", "project": "st-gdn", "watch": None, "log_model": False, "player": 0},
        "experiment_name": None,
        "tags": [],
        "data": {"name": "demo", "stream": "joint"},
        "model": {"name": "st_gdn"},
        "recipe_name": "letter",
        "seed": 1,
        "folder": str(folder),
        "overwrite": False,
    }
    return OmegaConf.merge(content, changed)  # pyright: ignore[reportReturnType]


def open_record(folder: Path, **changed: Any) -> RunLogger:  # noqa: ANN401
    """The logger of a run in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (logger,) = build_loggers(run_config(folder, **changed), folder)
    assert isinstance(logger, RunLogger)
    return logger


def record(folder: Path, steps: Iterable[int], **changed: Any) -> str:  # noqa: ANN401
    """Record a loss at every step, leave a checkpoint, end; returns W&B's id."""
    logger = open_record(folder, **changed)
    for step in steps:
        logger.log_metrics({"train/loss": 1.0 / (1 + step)}, step)
    logger.experiment.finish()
    time.sleep(1.05 - time.time() % 1)  # W&B tells records apart by the second they were begun
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / "last.ckpt").touch()
    return logger.experiment.id


class StandIn(ThreadingHTTPServer):
    """Keeps the history of every run that is uploaded.

    Attributes:
        histories: rows by W&B's id of the run.
        groups: group by id.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self.groups: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> "StandIn":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """The client closes connections as it likes."""

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """What W&B's GraphQL would say."""
        name = variables.get("name")
        if "mutation UpsertBucket" in query:
            known = str(name) in self.histories
            self.histories.setdefault(str(name), [])
            if variables.get("groupName"):
                self.groups[str(name)] = variables["groupName"]
            return {"upsertBucket": {"bucket": self._bucket(str(name)), "inserted": not known}}
        if "RunResumeStatus" in query:
            return {"model": {"bucket": self._bucket(str(name)) if name in self.histories else None}}
        if "mutation CreateRunFiles" in query:
            files = [{"name": file, "uploadUrl": f"{self.url}/{file}"} for file in variables["files"]]
            return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}
        if "viewer" in query:
            viewer = {"id": "1", "entity": "somebody", "username": "somebody", "flags": "{}", "teams": {"edges": []}}
            return {"viewer": viewer, "serverInfo": {}}
        return {}

    def _bucket(self, name: str) -> dict[str, Any]:
        rows = self.histories[name]
        project = {"id": "1", "name": "st-gdn", "entity": {"id": "1", "name": "somebody"}}
        tail = json.dumps([json.dumps(row) for row in rows[-1:]])
        empty = {"config": "{}", "wandbConfig": "{}", "summaryMetrics": "{}", "eventsTail": "[]", "tags": []}
        counts = {"historyLineCount": len(rows), "eventsLineCount": 0, "logLineCount": 0, "historyTail": tail}
        return {"id": name, "name": name, "displayName": name, "project": project, **empty, **counts}


class _Handler(BaseHTTPRequestHandler):
    server: StandIn  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/graphql":
            asked = json.loads(body)
            return self._reply({"data": self.server.answer(asked["query"], asked.get("variables") or {})})
        if self.path.endswith("/file_stream"):
            run_id = self.path.split("/")[-2]
            part = json.loads(body).get("files", {}).get("wandb-history.jsonl")
            if part is not None:
                self.server.histories[run_id][part["offset"] :] = [json.loads(line) for line in part["content"]]
        return self._reply({})

    def do_PUT(self) -> None:
        self._body()
        self._reply({})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401
        """Say nothing."""

    def _body(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

    def _reply(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

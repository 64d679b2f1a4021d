"""The server's answers: the page, its state, clips, and what people answer."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from semivideo.base.errors import SemiVideoError, WriteError
from semivideo.review.access import HEADERS, Gate
from semivideo.review.playback import Clips
from semivideo.review.session import Session, require_known
from semivideo.run.labeling.answers import Answer, Interval

_HERE = Path(__file__).parent


class _IntervalBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: str
    start: float = Field(allow_inf_nan=False)
    end: float = Field(allow_inf_nan=False)


class _AnswerBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    kind: Literal["label", "unsure", "intervals"]
    labels: list[str] = Field(default_factory=list, max_length=50)
    intervals: list[_IntervalBody] = Field(default_factory=list, max_length=10000)
    seconds: float | None = Field(None, ge=0, allow_inf_nan=False)

    def answer(self) -> Answer:
        intervals = tuple(Interval(each.label, each.start, each.end) for each in self.intervals)
        return Answer(self.id, self.kind, tuple(self.labels), intervals, self.seconds)


def review_app(session: Session, *, gate: Gate, clips: Clips) -> FastAPI:
    """Build the server of a review.

    Args:
        session: Takes the answers.
        gate: Says who may ask.
        clips: Plays the videos.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        token = request.query_params.get("token") or request.headers.get("x-token")
        refusal = gate.refusal(request.headers, token)
        response = _said(refusal, 403) if refusal else await answer(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    @app.exception_handler(SemiVideoError)
    async def refused(_: Request, error: SemiVideoError) -> Response:
        return _said(str(error), 507 if isinstance(error, WriteError) else 400)

    @app.exception_handler(RequestValidationError)
    async def misshapen(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return _said(f"this is no answer: {place}: {first['msg']}; load the page again", 400)

    @app.get("/")
    def page() -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            "connect-src 'self'; media-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
            "form-action 'none'"
        )
        return HTMLResponse(_page(nonce), headers={"Content-Security-Policy": policy})

    @app.get("/api/state")
    def state() -> dict[str, Any]:
        return _state(session)

    @app.get("/api/changes")
    def changes() -> dict[str, Any]:
        return session.changes()

    @app.post("/api/answer")
    def answer(body: _AnswerBody) -> dict[str, Any]:
        return session.answer(body.answer())

    @app.post("/api/undo")
    def undo() -> dict[str, Any]:
        return session.undo()

    @app.get("/clip/{row}")
    def clip(row: int) -> FileResponse:
        require_known(session, row)
        found = clips.of(row)
        is_copy = "yes" if found.is_copy else "no"
        return FileResponse(found.path, media_type=found.media_type, headers={"X-Copy": is_copy})

    @app.head("/clip/{row}")
    def clip_head(row: int) -> FileResponse:
        return clip(row)

    return app


def next_command(run: Path) -> str:
    """The command that trains on the answers."""
    return shlex.join(["semivideo", "train", "--from", str(run), "--out", f"{run}-next"])


def _state(session: Session) -> dict[str, Any]:
    """All that the page needs at its start."""
    trained = session.trained
    return session.changes() | {
        "run": trained.run.path.name,
        "method": trained.settings.method.name,
        "items": [item.to_json() for item in session.items],
        "labels_file": str(session.labels_file),
        "command": next_command(trained.run.path),
    }


def _page(nonce: str) -> str:
    """The page in one piece: markup, style and script."""
    text = (_HERE / "review.html").read_text(encoding="utf-8")
    for name, mark in (("review.css", "/* style */"), ("review.js", "/* script */")):
        text = text.replace(mark, (_HERE / name).read_text(encoding="utf-8"))
    return text.replace("NONCE", nonce)


def _said(sentence: str, status: int) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status)

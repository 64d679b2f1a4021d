"""``review``: a server on loopback for one run, until it is stopped."""

from __future__ import annotations

import importlib.util
import logging
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from semivideo.analysis.groups import Trained
from semivideo.base.errors import ConfigError, MissingExtraError, option
from semivideo.base.progress import Progress
from semivideo.review.access import Gate
from semivideo.review.items import review_items
from semivideo.review.playback import Clips
from semivideo.review.session import Session
from semivideo.run.finished import Run
from semivideo.run.labeling.video_scores import require_finished

if TYPE_CHECKING:
    from fastapi import FastAPI


def review(
    run: str | Path | Run,
    *,
    port: int = 0,
    count: int = 20,
    on_ready: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Serve the page that plays clips of a run and takes labels, until it is interrupted.

    Args:
        run: A finished run or its folder.
        port: On 127.0.0.1; 0 takes a free one.
        count: Videos to suggest, >= 1.
        on_ready: Called with the address, which holds the token that the page needs.
        progress: See ``semivideo.api``.

    Returns:
        The file of labels.

    Raises:
        MissingExtraError: The extra ``review`` is not installed.
        CheckpointError: The run is not finished.
        ConfigError: The port is taken, or another review of this run is open.
    """
    for package in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(
                f"review needs the package {package!r}: pip install 'semivideo[review]'"
            )
    from semivideo.review.web import review_app

    trained = Trained.read(run.path if isinstance(run, Run) else run)
    require_finished(trained)
    with _bound(port) as bound:
        items = review_items(trained, count=count, progress=progress)
        with (
            Session(trained, items) as session,
            tempfile.TemporaryDirectory(prefix="semivideo-") as folder,
        ):
            gate = Gate(port=bound.getsockname()[1])
            clips = Clips(trained.manifest, Path(folder))
            app = review_app(session, gate=gate, clips=clips)
            bound.listen()  # who goes there at once waits for the server
            if on_ready is not None:
                on_ready(gate.address)
            with suppress(KeyboardInterrupt):  # Ctrl-C is how a review ends
                _serve(app, bound, clips)
            return session.labels_file


def _serve(app: FastAPI, bound: socket.socket, clips: Clips) -> None:
    """Answer until a signal comes.

    Then the copies go at once, whatever becomes of the process: its orderly end waits for requests
    that are open, and may be cut off.
    """
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            clips.end()
            # Requests are cut off now, and nobody need read where.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            super().handle_exit(sig, frame)
            self.force_exit = True  # a browser keeps its connections open

    # The log of requests would hold the token.
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    Server(config).run(sockets=[bound])


def _bound(port: int) -> socket.socket:
    """A socket of this machine alone."""
    if not 0 <= port < 65536:
        raise ConfigError(f"{option('port')} must lie in [0, 65535], got {port}; 0 is a free one")
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
    except OSError as error:
        made.close()
        raise ConfigError(
            f"port {port} cannot be used ({error.strerror}); leave out {option('port')} for a free "
            "one"
        ) from None
    return made

import os
import signal
import socket
import tempfile
import time
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit

import pytest

from semivideo import api
from semivideo.base.errors import ConfigError, MissingExtraError
from semivideo.cli.console import on_interrupt
from semivideo.review.serving import _bound


def test_review__refuses_a_port_that_is_taken(video_run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=f"port {port} cannot be used .Address already in use"
        ):
            api.review(video_run, port=port)
    with pytest.raises(ConfigError, match=r"port must lie in \[0, 65535\], got 70000"):
        api.review(video_run, port=70000)


def test_bound__is_this_machine_alone():
    with _bound(0) as made:
        assert made.getsockname()[0] == "127.0.0.1"


def test_review__without_its_packages_says_what_to_install(video_run, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'semivideo\[review\]'"):
        api.review(video_run)


def test_review__can_be_reached_when_its_address_is_told(video_run):
    reached = []

    def go(address):
        socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=5).close()
        reached.append(address)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.review(video_run, on_ready=go)
    assert len(reached) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_review__leaves_nothing_where_a_request_is_open(
    video_run, tmp_path, monkeypatch, capfd, number
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen, begun = [], []

    def ask(address):
        port, token = urlsplit(address).port, urlsplit(address).query.removeprefix("token=")
        lines = ["POST /api/answer HTTP/1.1", f"Host: 127.0.0.1:{port}", f"X-Token: {token}"]
        lines += ["Content-Type: application/json", "Content-Length: 9", "", "{"]
        with socket.create_connection(("127.0.0.1", port), timeout=20) as asked:
            asked.sendall("\r\n".join(lines).encode())
            seen.extend(tmp_path.glob("semivideo-*"))
            (seen[0] / "0.mp4").touch()
            time.sleep(0.5)
            begun.append(time.monotonic())
            os.kill(os.getpid(), number)
            with suppress(OSError):
                asked.recv(1)

    def go(address):
        Thread(target=ask, args=(address,)).start()

    with on_interrupt(lambda: ""):
        api.review(video_run, on_ready=go)
    assert time.monotonic() - begun[0] < 10
    assert len(seen) == 1
    assert not seen[0].exists()
    assert "Traceback" not in capfd.readouterr().err

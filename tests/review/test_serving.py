import socket
from urllib.parse import urlsplit

import pytest

from semivideo import api
from semivideo.base.errors import ConfigError, MissingExtraError
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

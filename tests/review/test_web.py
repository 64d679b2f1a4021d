"""The server by requests: who may ask, what it says, and what it plays."""

import json

import pytest

pytest.importorskip("fastapi", reason="needs the extra review")

from starlette.testclient import TestClient

from semivideo.review.playback import Clips
from semivideo.review.web import review_app


@pytest.fixture
def client(session, gate, trained, tmp_path):
    app = review_app(session, gate=gate, clips=Clips(trained.manifest, tmp_path))
    made = TestClient(app, base_url="http://127.0.0.1:8123")
    made.headers["X-Token"] = gate.token
    with made:
        yield made


def test_page__is_one_answer_and_asks_nobody_else(client, gate):
    del client.headers["X-Token"]
    page = client.get(f"/?token={gate.token}")
    assert page.status_code == 200
    assert "/* script */" not in page.text
    assert "NONCE" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert gate.token not in page.text


@pytest.mark.parametrize("path", ["/", "/api/state", "/api/changes", "/clip/0", "/nothing"])
def test_guard__wants_the_token(client, gate, path):
    for token in (None, "", "x", gate.token[:-1], "ü"):
        headers = {} if token is None else {"X-Token": token.encode()}
        client.headers.pop("X-Token", None)
        answer = client.get(path, headers=headers)
        assert answer.status_code == 403
        assert "open the address that semivideo review printed" in answer.json()["error"]


def test_guard__wants_our_host_and_our_page(client):
    assert client.get("/api/state").status_code == 200
    assert client.get("/api/state", headers={"Host": "localhost:8123"}).status_code == 200
    for host in ("evil.example:8123", "127.0.0.1", "127.0.0.1:9"):
        assert client.get("/api/state", headers={"Host": host}).status_code == 403
    ours = client.post("/api/undo", headers={"Origin": "http://127.0.0.1:8123"})
    assert ours.status_code == 200
    for origin in ("http://evil.example", "null", "https://127.0.0.1:8123", ""):
        answer = client.post("/api/undo", headers={"Origin": origin})
        assert answer.status_code == 403
        assert "another page asked for this" in answer.json()["error"]


def test_state__has_the_queue_and_the_next_command(client, session, trained):
    state = client.get("/api/state").json()
    assert [item["id"] for item in state["items"]] == [item.id for item in session.items]
    assert state["classes"] == ["squat", "wave"]
    assert state["command"] == (
        f"semivideo train --from {trained.run.path} --out {trained.run.path}-next"
    )


def test_clip__is_given_in_ranges(client, items, trained):
    row = items[0].row
    whole = client.get(f"/clip/{row}")
    assert whole.content == trained.manifest.absolute(row).read_bytes()
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["x-copy"] == "no"
    part = client.get(f"/clip/{row}", headers={"Range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.content == whole.content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    assert client.head(f"/clip/{row}").headers["x-copy"] == "no"


@pytest.mark.parametrize(
    "path", ["/clip/99", "/clip/-1", "/clip/..%2f..%2fetc%2fpasswd", "/clip/x"]
)
def test_clip__of_what_is_not_in_the_run_is_refused(client, path):
    assert client.get(path).status_code in (400, 404)


def test_clip__of_a_test_video_is_refused(client, trained):
    row = trained.manifest.row_of(trained.split.test[0])
    answer = client.get(f"/clip/{row}")
    assert answer.status_code == 400
    assert answer.json()["error"] == f"video {row} is not one of this review"


def test_answer__is_taken_once_and_shown_to_all(client, items):
    body = {"id": items[0].id, "kind": "label", "labels": ["wave"], "seconds": 1.5}
    first = client.post("/api/answer", json=body).json()
    assert first["answers"][items[0].id]["labels"] == ["wave"]
    assert client.get("/api/changes").json()["revision"] == first["revision"]
    assert client.post("/api/undo", json={}).json()["undone"] == items[0].id


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "this is no answer: body.id: Field required"),
        ({"id": "x", "kind": "label"}, "video 'x' is not one of this review"),
        ({"id": "x", "kind": "delete"}, "this is no answer: body.kind"),
        ({"id": "x", "kind": "label", "path": "/etc"}, "this is no answer: body.path"),
    ],
)
def test_answer__that_is_none_is_refused_in_a_sentence(client, body, sentence):
    answer = client.post("/api/answer", json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_answer__that_is_no_json_is_refused(client):
    answer = client.post("/api/answer", content=b"\xff{", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 400
    assert json.loads(answer.text)["error"].startswith("this is no answer")

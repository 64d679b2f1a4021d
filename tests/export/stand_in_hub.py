"""A hub on loopback that holds what is pushed in memory: as much of the protocol as is used."""

import base64
import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit


class Hub:
    """Repositories, and the requests that came.

    Attributes:
        repos: Name to ``{"private": ..., "files": {name: bytes}}``.
        asked: Method, path and token of each request.
        address: Where it listens.
    """

    def __init__(self):
        self.repos, self.asked = {}, []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                hub.answer(self)

            do_POST = do_HEAD = do_GET  # noqa: N815 - the library's names

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def revision(self, repo):
        """A commit's name, which follows from the content."""
        digest = hashlib.sha1()
        for name, content in sorted(self.repos[repo]["files"].items()):
            digest.update(name.encode() + b"\0" + content + b"\0")
        return digest.hexdigest()

    def answer(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(request.path).path)
        self.asked.append((request.command, path, request.headers.get("Authorization")))
        if path == "/api/validate-yaml":
            return self._json(request, {"errors": [], "warnings": []})
        if path == "/api/repos/create":
            given = json.loads(body)
            name = (
                f"{given['organization']}/{given['name']}"
                if given.get("organization")
                else given["name"]
            )
            code = 409 if name in self.repos else 200
            self.repos.setdefault(
                name,
                {
                    "private": given.get("private", given.get("visibility") == "private"),
                    "files": {},
                },
            )
            return self._json(request, {"url": f"{self.address}/{name}"}, code)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(\w+)/([^/]+)(?:/.*)?)?", path):
            repo, what = found[1], found[2] or "revision"
            if repo not in self.repos:
                return self._missing(request, "RepoNotFound")
            return getattr(self, f"_{what}")(request, repo, found[3], body)
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._file(request, found[1], found[3])
        return self._missing(request, "EntryNotFound")

    def _revision(self, request, repo, revision, _):
        if revision not in (None, "main", self.revision(repo)):
            return self._missing(request, "RevisionNotFound")
        held = self.repos[repo]
        siblings = [{"rfilename": name} for name in held["files"]]
        return self._json(
            request,
            {
                "id": repo,
                "sha": self.revision(repo),
                "private": held["private"],
                "siblings": siblings,
            },
        )

    def _tree(self, request, repo, *_):
        files = self.repos[repo]["files"]
        return self._json(
            request,
            [
                {"type": "file", "path": name, "size": len(content), "oid": _oid(content)}
                for name, content in files.items()
            ],
        )

    def _preupload(self, request, repo, _, body):
        names = [each["path"] for each in json.loads(body)["files"]]
        files = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
        return self._json(request, {"files": files})

    def _commit(self, request, repo, _, body):
        for line in body.decode().splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                content = base64.b64decode(entry["value"]["content"])
                self.repos[repo]["files"][entry["value"]["path"]] = content
        revision = self.revision(repo)
        address = f"{self.address}/{repo}/commit/{revision}"
        return self._json(request, {"commitUrl": address, "commitOid": revision, "success": True})

    def _file(self, request, repo, name):
        content = self.repos.get(repo, {"files": {}})["files"].get(name)
        if content is None:
            return self._missing(request, "EntryNotFound")
        request.send_response(200)
        request.send_header("ETag", f'"{_oid(content)}"')
        request.send_header("X-Repo-Commit", self.revision(repo))
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content)
        return None

    def _json(self, request, content, code=200):
        body = json.dumps(content).encode()
        request.send_response(code)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def _missing(self, request, code):
        request.send_response(404)
        request.send_header("X-Error-Code", code)
        request.send_header("Content-Length", "0")
        request.end_headers()


def _oid(content):
    """Name of a blob, as git has it."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

"""Model folders to and from the Hugging Face hub: the only functions of this room with a network.

What is pushed is the folder that ``export`` makes with format "hub-folder". What is pulled is data:
a few files by name, whatever else is there, read by the reader that checks them.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semivideo.base.errors import CheckpointError, ConfigError, JobError, MissingExtraError, option
from semivideo.base.files import new_folder
from semivideo.base.foreign_code import allowing
from semivideo.base.progress import Progress
from semivideo.encoders.local_motion import CODEBOOK_FILE
from semivideo.export.description import FILE
from semivideo.export.exporting import PARITY, export
from semivideo.export.model_page import PAGE
from semivideo.models.weights import CARD, WEIGHTS, load_network
from semivideo.run.finished import Run

FILES = (CARD, WEIGHTS, CODEBOOK_FILE, PAGE, FILE, PARITY)
"""What is pulled; no code is among it."""


@dataclass(frozen=True)
class Transferred:
    """What was pushed or pulled.

    Attributes:
        repo: Such as "anna/my-actions".
        revision: Commit of the hub, which names exactly this content.
        is_private: Whether only its owner sees it.
        path: Folder that was made, or that was pushed if it was there.
    """

    repo: str
    revision: str
    is_private: bool
    path: Path | None = None


def push(
    run: str | Path | Run,
    repo: str,
    *,
    public: bool = False,
    videos: Sequence[str | Path] | None = None,
    allow: Sequence[str] = (),
    progress: Progress | None = None,
) -> Transferred:
    """Give a run's network to the hub.

    Args:
        run: A finished run, its folder, or a folder that ``export`` made for the hub.
        repo: OWNER/NAME; made if it is not there.
        public: Whether everybody may see it.
        videos: To compare on before, see ``export``.
        allow: As in ``export``.
        progress: See ``semivideo.api``.

    Raises:
        ConfigError: No such name can be, nobody is logged in, or the place is public already.
        MissingExtraError: huggingface_hub is not installed.
        JobError: The hub cannot be reached, or refuses.
        CheckpointError: As ``export``.
    """
    hub, path = _hub(), Path(run.path if isinstance(run, Run) else run)
    if hub.get_token() is None:
        raise ConfigError(
            "nobody is logged in to the hub here; type `hf auth login`, or set HF_TOKEN"
        )
    allow = (*allow, *(run.allow if isinstance(run, Run) else ()))
    with tempfile.TemporaryDirectory() as place, _sentences(hub, repo):
        hub.utils.validate_repo_id(repo)
        folder = path
        if (path / PARITY).is_file() and (path / CARD).is_file():
            with allowing(allow):
                load_network(path)
        else:
            folder = Path(place) / "model"
            given: dict[str, Any] = {"videos": videos, "allow": allow, "progress": progress}
            export(path, out=folder, format="hub-folder", **given)
        api = _api(hub)
        api.create_repo(repo, private=not public, exist_ok=True)
        is_private = bool(api.model_info(repo).private)
        if not is_private and not public:
            raise ConfigError(
                f"{repo} is public on the hub; pass {option('public', True)} if everybody may see "
                "this model, or choose another name"
            )
        done = api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            allow_patterns=[*FILES, "preprocess.py"],
            commit_message="Add a model of SemiVideo",
        )
    return Transferred(repo, str(done.oid), is_private, path if folder == path else None)


def pull(
    repo: str, *, out: str | Path, revision: str | None = None, allow: Sequence[str] = ()
) -> Transferred:
    """Take a network from the hub; nothing of it is run.

    Args:
        repo: OWNER/NAME.
        out: The folder to make.
        revision: Branch, tag or commit; None for the newest of the main branch.
        allow: As in ``load``.

    Raises:
        ConfigError: The folder is there already, or no such name can be.
        MissingExtraError: huggingface_hub is not installed.
        JobError: The hub cannot be reached, or has no such model for this user.
        CheckpointError: What is there is no network of this package, or is broken.
    """
    hub, out = _hub(), Path(out)
    if out.exists():
        raise ConfigError(f"{out} is there already; name a new folder with {option('out')}")
    with new_folder(out) as folder:
        with _sentences(hub, repo):
            api = _api(hub)
            found = api.model_info(repo, revision=revision)
            names = {each.rfilename for each in found.siblings or ()}
            if lacking := {CARD, WEIGHTS} - names:
                raise CheckpointError(
                    f"{repo} holds no network of this package (there is no "
                    f"{' and no '.join(sorted(lacking))}); check the name"
                )
            api.snapshot_download(
                repo, revision=found.sha, local_dir=folder, allow_patterns=list(FILES)
            )
        shutil.rmtree(folder / ".cache", ignore_errors=True)
        with allowing(allow):
            load_network(folder)
    return Transferred(repo, str(found.sha), bool(found.private), out)


def _hub() -> Any:
    """The package, when it is asked for."""
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError:
        raise MissingExtraError(
            "the hub needs the 'huggingface_hub' package: pip install 'semivideo[hub]'"
        ) from None


def _api(hub: Any) -> Any:
    """Where the environment says that the hub is; the token comes from its usual place."""
    return hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="semivideo")


@contextmanager
def _sentences(hub: Any, repo: str) -> Iterator[None]:
    """Turn what the hub's package raises into sentences."""
    faults = importlib.import_module("huggingface_hub.errors")
    transports = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    unreached = (faults.HfHubHTTPError, ConnectionError, *(each.HTTPError for each in transports))
    try:
        yield
    except faults.HFValidationError:
        raise ConfigError(
            f"{repo!r} is no name of the hub; write OWNER/NAME of letters, digits, - _ and ."
        ) from None
    except (faults.RepositoryNotFoundError, faults.RevisionNotFoundError):
        raise JobError(
            f"the hub shows no {repo}, or no such revision, to who is logged in here; check the "
            "name, or log in with `hf auth login`"
        ) from None
    except unreached as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise JobError(
            f"the hub did not do it for {repo} ({reason}); check the network and the rights, and "
            "run the command again"
        ) from None

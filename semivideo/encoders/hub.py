"""The Hugging Face hub: its cache on this machine, looked at offline, and the one way to fetch."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from semivideo.base.errors import MissingExtraError

_SMALL = ["*.json", "README.md", "LICENSE*"]
_SAFETENSORS, _PICKLES = "model*.safetensors", "pytorch_model*.bin"


def cached_folder(repo: str) -> Path | None:
    """Return where the hub's cache on this machine holds a network, without asking anybody.

    Args:
        repo: Such as "openai/clip-vit-base-patch32".

    Returns:
        The folder of its newest revision; None where it is not here.
    """
    try:
        hub = importlib.import_module("huggingface_hub")
    except ModuleNotFoundError:
        return None
    found = hub.try_to_load_from_cache(repo, "config.json")
    if not isinstance(found, str):
        return None
    folder = Path(found).parent
    has_weights = any(folder.glob(_SAFETENSORS)) or any(folder.glob(_PICKLES))
    return folder if has_weights else None


def fetch(name: str, repo: str) -> Path:
    """Fetch a network from the hub into its cache: the only function that uses the network.

    Args:
        name: What the encoder is called here.
        repo: Where it is on the hub.

    Returns:
        The folder.

    Raises:
        MissingExtraError: The hub cannot be reached, or wants a licence to be accepted first.
    """
    try:
        hub: Any = importlib.import_module("huggingface_hub")
    except ModuleNotFoundError:
        raise MissingExtraError(
            "fetching needs the 'huggingface_hub' package: pip install semivideo[hf]"
        ) from None
    faults = importlib.import_module("huggingface_hub.errors")
    # What the hub's transport raises where there is no network; which one it is depends on the hub.
    transports = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    unreached = (OSError, faults.HfHubHTTPError, *(each.HTTPError for each in transports))
    try:
        folder = Path(hub.snapshot_download(repo, allow_patterns=[*_SMALL, _SAFETENSORS]))
        if not any(folder.glob(_SAFETENSORS)):
            folder = Path(hub.snapshot_download(repo, allow_patterns=[*_SMALL, _PICKLES]))
    except faults.GatedRepoError:
        raise MissingExtraError(
            f"{repo} is given out only to those who accept its licence: do so on "
            f"https://huggingface.co/{repo}, log in with `hf auth login`, and run the command again"
        ) from None
    except unreached as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise MissingExtraError(
            f"cannot fetch {repo} ({reason}); run the command again where there is a network, or "
            f"copy the folder here and type: semivideo encoders add {name} --from FOLDER"
        ) from None
    return folder

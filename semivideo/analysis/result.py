"""What came out of a run: read from its folder, or from the record kept of it.

A record is one small file (about 15 kB for 400 test videos) that outlives the run folder: settings,
split, summary and test scores, without weights, videos, logs and pseudo-labels. Comparisons, and
figures of test scores, take it in place of the folder.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semivideo import models
from semivideo.analysis.pseudo_labels import LateLabels, late_labels
from semivideo.base.checked import UnreadError, parsed
from semivideo.base.errors import CheckpointError
from semivideo.base.files import read_bytes, write_bytes
from semivideo.base.foreign_code import refuse_foreign
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.evaluation.bootstrap import Groups
from semivideo.evaluation.metrics import Evaluation, rank_of_truth
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings

ENDING = ".run.json.gz"
"""Of the name of a record."""
FORMAT = 2
_READABLE = (1, FORMAT)
"""Format 1 says nothing of groups, and counts clips of labelled videos among the pseudo-labels."""
_MOST_BYTES = 1 << 30
_DIGITS = 3  # of a probability in a record


@dataclass(frozen=True)
class Result:
    """What came out of one finished and evaluated run.

    Attributes:
        run: Its folder; of a record the folder's name, and nothing in it.
        settings: Of the run.
        split: What it was allowed to know.
        evaluation: Scores of the test videos.
        summary: What ``summary.json`` says.
        labels: Quality of its late pseudo-labels.
        num_parameters: Of the deployed network.
        groups: Test video to its group or None; empty where nobody knows.
    """

    run: RunFolder
    settings: Settings
    split: Split
    evaluation: Evaluation
    summary: dict[str, Any]
    labels: LateLabels
    num_parameters: int
    groups: Groups = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> Result:
        """Read a run folder or a record.

        Raises:
            CheckpointError: The run has not finished or was not evaluated, or the file is no
                record.
        """
        path = Path(path)
        return cls._of_record(path) if is_record(path) else cls._of_folder(path)

    def write(self, path: str | Path) -> None:
        """Write a record; equal results give equal files.

        Args:
            path: A name that ends in ``ENDING``.

        Raises:
            WriteError: The disk is full or the folder cannot be written.
        """
        evaluation = self.evaluation
        content = {
            "format": FORMAT,
            "settings": self.settings.to_mapping(),
            "num_parameters": self.num_parameters,
            "summary": self.summary,
            "labels": {
                "kept": _or_none(self.labels.kept),
                "right": _or_none(self.labels.right),
                "with_labeled": self.labels.with_labeled,
            },
            "evaluation": {
                "protocol": evaluation.protocol,
                "classes": evaluation.classes,
                "ids": evaluation.ids,
                "labels": evaluation.labels.tolist(),
                "skipped": dict(evaluation.skipped),
                "decoder": evaluation.decoder,
                "scores": _short(evaluation),
                "groups": [self.groups.get(id) for id in evaluation.ids] if self.groups else None,
            },
            "split": self.split.to_json(),
        }
        text = json.dumps(content, separators=(",", ":"))
        write_bytes(Path(path), gzip.compress(text.encode(), mtime=0))

    @classmethod
    def _of_folder(cls, path: Path) -> Result:
        """Read a run folder."""
        run = RunFolder.open(path)
        settings, manifest = run.settings(is_built=False), Manifest.read(run.manifest_file)
        split, evaluation = Split.read(run.split_file), Evaluation.read(run.evaluation_file)
        network = settings.networks.primary
        refuse_foreign([network.name, network.options], file=run.settings_file)
        with torch.device("meta"):
            built = models.create(network.name, len(manifest.classes), **network.options)
        return cls(
            run=run,
            settings=settings,
            split=split,
            evaluation=evaluation,
            summary=run.summary(),
            labels=late_labels(run, manifest, split),
            num_parameters=sum(p.numel() for p in built.parameters()),
            groups=_groups(manifest, evaluation),
        )

    @classmethod
    def _of_record(cls, path: Path) -> Result:
        """Read a record."""
        again = "write it again: semivideo compare RUN... --records FOLDER"
        try:
            text = _unzipped(read_bytes(path, most=_MOST_BYTES))
        except (EOFError, ValueError, zlib.error, gzip.BadGzipFile) as error:
            raise CheckpointError(f"{path} is not a record ({error}); {again}") from None
        except OSError as error:
            reason = error.strerror
            raise CheckpointError(f"cannot read the record {path} ({reason}); {again}") from None
        try:
            content = parsed(text, json.loads, "JSON")
        except UnreadError as error:
            raise CheckpointError(f"{path} is not a record: {error}; {again}") from None
        if not isinstance(content, dict) or content.get("format") not in _READABLE:
            raise CheckpointError(f"{path} is no record of this version of semivideo; {again}")
        try:
            return cls._from(content, path)
        except Exception as error:  # a file can hold anything, and so go wrong anywhere
            raise CheckpointError(f"{path} is a broken record ({error}); {again}") from None

    @classmethod
    def _from(cls, content: dict[str, Any], path: Path) -> Result:
        """Make a result of what a record holds."""
        tested, labels = content["evaluation"], content["labels"]
        groups = tested.get("groups")
        return cls(
            run=RunFolder(str(path).removesuffix(ENDING)),
            settings=Settings.from_mapping(content["settings"]),
            split=Split.from_json(content["split"], path=path),
            evaluation=Evaluation.from_json(
                tested,
                ids=tested["ids"],
                scores=np.array(tested["scores"], dtype=np.float32),
                labels=np.array(tested["labels"], dtype=np.int64),
            ),
            summary=content["summary"],
            labels=LateLabels(
                kept=_or_nan(labels["kept"]),
                right=_or_nan(labels["right"]),
                with_labeled=content["format"] == 1 or bool(labels["with_labeled"]),
            ),
            num_parameters=content["num_parameters"],
            groups=dict(zip(tested["ids"], groups, strict=True)) if groups else {},
        )


def _unzipped(content: bytes) -> bytes:
    """Unpack a record; of one that would fill the memory only so much is unpacked."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise ValueError(f"it holds more than {_MOST_BYTES} bytes")
    return text


def is_record(path: Path) -> bool:
    """Whether a path is named like a record."""
    return path.name.endswith(ENDING)


def _or_none(share: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(share) else share


def _or_nan(share: float | None) -> float:
    """Reverse of ``_or_none``."""
    return math.nan if share is None else share


def _groups(manifest: Manifest, evaluation: Evaluation) -> Groups:
    """Groups of the test videos; empty if none of them has one."""
    rows = manifest.rows_of(evaluation.ids).tolist()
    groups = {id: manifest.groups[row] for id, row in zip(evaluation.ids, rows, strict=True)}
    return groups if any(groups.values()) else {}


def _short(evaluation: Evaluation) -> list[list[float]]:
    """Scores with few digits; all digits of a video where fewer would change a figure."""
    exact_VK, labels_V = evaluation.scores, evaluation.labels
    short_VK = exact_VK.astype(np.float64).round(_DIGITS)
    read_VK = short_VK.astype(np.float32)
    has_other_best_V = read_VK.argmax(axis=1) != exact_VK.argmax(axis=1)
    # Figures go down to top-5.
    ranks = (np.minimum(rank_of_truth(each, labels_V), 5) for each in (exact_VK, read_VK))
    has_other_rank_V = np.not_equal(*ranks)
    changes_V = has_other_best_V | has_other_rank_V
    short_VK[changes_V] = exact_VK[changes_V]
    rows: list[list[float]] = short_VK.tolist()
    return rows

"""The one description of a run folder: what lies in it, and how it is written and read.

Training writes it, everything after training reads nothing else. A file is either the old or the
new one, never half of one; ``metrics.jsonl`` alone grows line by line, and a line that a kill cut
off is ignored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from semivideo.base.errors import CheckpointError, ConfigError, option
from semivideo.base.files import not_written, write_bytes
from semivideo.base.places import not_a_run
from semivideo.settings import Settings


class RunFolder:
    """Paths, atomic writers and readers of one run.

    Args:
        path: The folder; use ``create`` or ``open`` unless it is known to be good.

    Attributes:
        path: The folder.
        settings_file: Resolved settings, YAML; its presence makes the folder a run folder.
        manifest_file: The videos the run was started with, parquet.
        split_file: The split that was trained on, JSON.
        metrics_file: One JSON object a line, written while training.
        pseudo_labels_file: One row per pseudo-label given, parquet; written when training ends.
        pseudo_label_parts: Folder of the rows so far, one parquet file per checkpoint.
        checkpoints: Folder of the last states of training.
        model: Folder of the deployable network.
        evaluation_file: Test scores, JSON.
        summary_file: What the training came to, JSON; its presence says that it is finished.
        tensorboard: Folder of TensorBoard's event files.
        estimate_file: What a cross-validation on the labelled videos came to, JSON.
        estimate_folds: Folder of that cross-validation while it runs.
        video_scores_file: What the networks say of its videos, npz; made when it is asked for.
        held_out_file: What networks that did not see a label say of its video, npz; likewise.
        held_out_folds: Folder of the trainings behind it while they run.
        plan_file: Points of a learning curve over label counts, JSON; made when it is asked for.
        answers: Folder of what people answered on the page of ``review``.
        choice_file: What was compared before the training and what was chosen, JSON.
        choosing: Folder of what was compared while it is.
        features: Folder of the features that were computed for that, a folder for each encoder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.settings_file = self.path / "settings.yaml"
        self.manifest_file = self.path / "manifest.parquet"
        self.split_file = self.path / "split.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.pseudo_labels_file = self.path / "pseudo_labels.parquet"
        self.pseudo_label_parts = self.path / "pseudo_labels"
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model"
        self.evaluation_file = self.path / "evaluation.json"
        self.summary_file = self.path / "summary.json"
        self.tensorboard = self.path / "tensorboard"
        self.estimate_file = self.path / "estimate.json"
        self.estimate_folds = self.path / "estimate"
        self.video_scores_file = self.path / "video_scores.npz"
        self.held_out_file = self.path / "held_out.npz"
        self.held_out_folds = self.path / "held_out"
        self.plan_file = self.path / "plan.json"
        self.answers = self.path / "answers"
        self.choice_file = self.path / "choice.json"
        self.choosing = self.path / "choosing"
        self.features = self.path / "features"

    @classmethod
    def create(cls, path: str | Path) -> RunFolder:
        """Make a new, empty run folder, with its parents.

        Raises:
            CheckpointError: Something is there already, or the folder cannot be made.
        """
        run = cls(path)
        if run.settings_file.exists():
            raise CheckpointError(
                f"run folder {run.path} exists; continue that run with "
                f"{option('resume', str(run.path))} or choose another name"
            )
        if run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir())):
            raise CheckpointError(
                f"{run.path} exists and is not an empty folder; choose another name for the run"
            )
        try:
            run.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(run.path, error) from error
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run folder.

        Raises:
            CheckpointError: There is no such folder, or it is not one of a run.
        """
        run = cls(path)
        if not run.settings_file.is_file():
            raise CheckpointError(not_a_run(run.path))
        return run

    def write_text(self, target: Path, content: str) -> None:
        """Write text as UTF-8 at once; raises as ``files.replacing``."""
        write_bytes(target, content.encode())

    def write_json(self, target: Path, content: Any) -> None:
        """Write an indented JSON file at once; raises as ``files.replacing``."""
        self.write_text(target, json.dumps(content, indent=2) + "\n")

    def write_yaml(self, target: Path, content: Any) -> None:
        """Write a YAML file at once, keys in the given order; raises as ``files.replacing``."""
        self.write_text(target, yaml.safe_dump(content, sort_keys=False))

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Add one line to ``metrics.jsonl``.

        Raises:
            WriteError: The disk is full or the file cannot be written.
        """
        try:
            with self.metrics_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise not_written(self.metrics_file, error) from error

    def write_metrics(self, lines: list[dict[str, Any]]) -> None:
        """Replace ``metrics.jsonl`` at once; raises as ``files.replacing``."""
        self.write_text(self.metrics_file, "".join(json.dumps(line) + "\n" for line in lines))

    def settings(self) -> Settings:
        """Return the resolved settings of the run.

        Raises:
            CheckpointError: The file is missing or is not YAML.
            ConfigError: It has a key or a value that is not allowed.
        """
        text = _text(self.settings_file, missing="give the folder of a run")
        try:
            mapping = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise CheckpointError(
                f"{self.settings_file} is not YAML ({error}); restore it"
            ) from None
        if not isinstance(mapping, dict):
            raise CheckpointError(f"{self.settings_file} holds no settings; restore it")
        try:
            return Settings.from_mapping(mapping)
        except ConfigError as error:
            raise ConfigError(f"{self.settings_file}: {error}") from None

    def metrics(self) -> list[dict[str, Any]]:
        """Return the lines of ``metrics.jsonl``, oldest first; none if there is no such file.

        Raises:
            CheckpointError: A line other than the last one is broken.
        """
        if not self.metrics_file.exists():
            return []
        lines = self.metrics_file.read_text(encoding="utf-8", errors="replace").splitlines()
        parsed = []
        for number, line in enumerate(lines, start=1):
            try:
                parsed.append(json.loads(line))
            except json.JSONDecodeError:
                if number < len(lines):
                    raise CheckpointError(
                        f"line {number} of {self.metrics_file} is broken: {line[:40]!r}; remove it"
                    ) from None
        return parsed

    def summary(self) -> dict[str, Any]:
        """Return what the training came to.

        Raises:
            CheckpointError: Training has not finished, or the file is broken.
        """
        return self.read_json(
            self.summary_file,
            missing=(
                f"training has not finished: continue it with {option('resume', str(self.path))}"
            ),
        )

    def read_json(self, target: Path, *, missing: str = "it was not written yet") -> dict[str, Any]:
        """Return the object in a JSON file of this folder.

        Args:
            target: The file.
            missing: What a missing file means and what to do then.

        Raises:
            CheckpointError: The file is missing or is not a JSON object.
        """
        try:
            content = json.loads(_text(target, missing=missing))
        except json.JSONDecodeError as error:
            raise CheckpointError(f"{target} is not JSON ({error}); write it again") from None
        if not isinstance(content, dict):
            raise CheckpointError(f"{target} holds no JSON object; write it again")
        return content


def _text(path: Path, *, missing: str) -> str:
    """Content of a file that must be there."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CheckpointError(f"there is no {path}; {missing}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"cannot read {path}: {error}; check the file") from None

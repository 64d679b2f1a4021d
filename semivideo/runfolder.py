"""The one description of a run folder: what lies in it, and how it is written and read.

Training writes it, everything after training reads nothing else. A file is either the old or the
new one, never half of one; ``metrics.jsonl`` alone grows line by line, and a line that a kill cut
off is ignored.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from semivideo.base.checked import UnreadError, parsed
from semivideo.base.checked import read_json as read_json_file
from semivideo.base.checked import read_yaml as read_yaml_file
from semivideo.base.errors import CheckpointError, ConfigError, option
from semivideo.base.files import not_written, read_bytes, step_after, sweep, write_bytes
from semivideo.base.foreign_code import refuse_foreign
from semivideo.base.locks import LOCK
from semivideo.base.places import not_a_run
from semivideo.settings import Settings

_BEGUN = ".begun"
"""A file in a folder that is about to become a run's."""


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
        """Make a new, empty run folder, with its parents; for who holds its lock.

        Raises:
            CheckpointError: Something is there already, or the folder cannot be made.
        """
        run = cls(path)
        if run.settings_file.exists():
            raise CheckpointError(
                f"run folder {run.path} exists; continue that run with "
                f"{option('resume', str(run.path))} or choose another name"
            )
        if (run.path / _BEGUN).is_file():  # a process was killed before it was a run
            run.clear()
        if run.path.exists() and (
            not run.path.is_dir() or any(file.name != LOCK for file in run.path.iterdir())
        ):
            raise CheckpointError(
                f"{run.path} exists and is not an empty folder; choose another name for the run"
            )
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            (run.path / _BEGUN).touch()
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

    def begun(self, settings: Settings) -> None:
        """Write the settings, with which the folder is that of a run; raises as ``write_text``."""
        self.write_text(self.settings_file, settings.to_yaml())
        (self.path / _BEGUN).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what a beginning that came to nothing wrote, and nothing else that lies there."""
        self.sweep()
        wanted = [] if self.choosing.is_symlink() else [*self.choosing.glob("*.json")]
        own = (self.settings_file, self.manifest_file, self.split_file, self.path / _BEGUN)
        for file in (*own, *wanted):
            with suppress(OSError):
                file.unlink()
        with suppress(OSError):
            self.choosing.rmdir()

    def sweep(self) -> None:
        """Remove what killed processes left half written; for who holds the folder's lock."""
        for folder in (self.path, self.checkpoints, self.model, self.pseudo_label_parts):
            sweep(folder)

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

    def settings(self, *, is_built: bool = True) -> Settings:
        """Return the resolved settings of the run.

        Args:
            is_built: Whether networks or the method will be built of them, so that code which they
                name must be allowed, see ``base.foreign_code``; False only looks at them.

        Raises:
            CheckpointError: The file is missing or is not YAML, or names code that is not allowed.
            ConfigError: It has a key or a value that is not allowed.
        """
        file = self.settings_file
        try:
            mapping = read_yaml_file(file)
        except FileNotFoundError:
            raise CheckpointError(f"there is no {file}; give the folder of a run") from None
        except UnreadError as error:
            raise CheckpointError(f"{error.about(file)}; restore it") from None
        if not isinstance(mapping, dict):
            raise CheckpointError(f"{file} holds no settings; restore it")
        if is_built:
            refuse_foreign(mapping, file=file)
        try:
            return Settings.from_mapping(mapping)
        except ConfigError as error:
            raise ConfigError(f"{self.settings_file}: {error}") from None

    def metrics(self) -> list[dict[str, Any]]:
        """Return the lines of ``metrics.jsonl``, oldest first; none if there is no such file.

        Raises:
            CheckpointError: A line other than the last one is broken.
        """
        try:
            text = read_bytes(self.metrics_file).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unread(self.metrics_file, error) from None
        lines = text.splitlines()
        found = []
        for number, line in enumerate(lines, start=1):
            try:
                values = parsed(line, json.loads, "JSON")
                if not (isinstance(values, dict) and isinstance(values.get("step"), int)):
                    raise UnreadError("it has no step")
            except UnreadError as error:
                if number < len(lines):
                    raise CheckpointError(
                        f"line {number} of {self.metrics_file} is broken: {line[:40]!r}; remove it"
                        f" ({error})"
                    ) from None
                continue
            found.append(values)
        return found

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
            content = read_json_file(target)
        except FileNotFoundError:
            raise CheckpointError(f"there is no {target}; {missing}") from None
        except UnreadError as error:
            raise CheckpointError(f"{error.about(target)}; write it again") from None
        if not isinstance(content, dict):
            raise CheckpointError(f"{target} holds no JSON object; write it again")
        return content


def _unread(path: Path, error: OSError) -> CheckpointError:
    why = error.strerror or str(error)
    return CheckpointError(f"cannot read {path}: {why}; {step_after(error)}")

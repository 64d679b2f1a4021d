"""The record of every pseudo-label given: step, network, video, label, confidence, kept.

The true label is not here and cannot be: ``analysis`` joins it afterwards by the video. Rows wait
on the device until a line is logged, and on disk in one part per checkpoint, so that a resumed run
ends with the file of the uninterrupted one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from semivideo.base.checked import opened_parquet, reading
from semivideo.base.errors import CheckpointError
from semivideo.base.files import replacing
from semivideo.base.records import PseudoLabels
from semivideo.engine.runtime import Runtime
from semivideo.runfolder import RunFolder

SCHEMA = pa.schema(
    {
        "step": pa.int32(),  # number of the step, from 0
        "network": pa.string(),
        "video": pa.int32(),  # row of the manifest
        "label": pa.int32(),
        "confidence": pa.float32(),
        "kept": pa.bool_(),
    }
)


class PseudoLabelLog:
    """Collects the pseudo-labels of all processes and writes them; the main process writes.

    Args:
        run: The folder to write to.
        runtime: The processes.
    """

    def __init__(self, run: RunFolder, runtime: Runtime) -> None:
        self._run = run
        self._runtime = runtime
        self._pending: list[tuple[int, PseudoLabels]] = []
        self._tables: list[Any] = []

    def add(self, step: int, pseudo: tuple[PseudoLabels, ...]) -> None:
        """Take in the labels given in a step; nothing is read from the device."""
        self._pending.extend((step, given) for given in pseudo)

    def collect(self) -> None:
        """Fetch the pending rows from the device and from the other processes."""
        if not self._pending:
            return
        given = [labels for _, labels in self._pending]
        lengths = [len(labels.video) for labels in given]
        processes = self._runtime.world_size
        columns = {
            "step": np.tile(np.repeat([step for step, _ in self._pending], lengths), processes),
            "network": np.tile(np.repeat([labels.network for labels in given], lengths), processes),
        }
        for name in ("video", "label", "confidence", "kept"):
            column = torch.cat([getattr(labels, name) for labels in given])
            columns[name] = self._runtime.gather(column).cpu().numpy()
        self._pending.clear()
        if self._runtime.is_main:
            arrays = [pa.array(columns[f.name]).cast(f.type) for f in SCHEMA]
            self._tables.append(pa.Table.from_arrays(arrays, schema=SCHEMA))

    def save(self, step: int) -> None:
        """Write the rows since the last checkpoint as the part of the one after ``step`` steps."""
        self.collect()
        if self._tables:
            self._write(pa.concat_tables(self._tables), step)
            self._tables.clear()

    def restore(self, step: int) -> None:
        """Go back to the rows of the first ``step`` steps; later ones are dropped."""
        if not self._runtime.is_main:
            return
        merged = self._run.pseudo_labels_file
        if merged.exists():  # training had ended; the parts are gone, or about to go
            shutil.rmtree(self._run.pseudo_label_parts, ignore_errors=True)
            table = _table(merged)
            self._write(table.filter(pc.less(table["step"], step)), step)
            merged.unlink()
        for part in self._parts():
            if int(part.stem.removeprefix("part-")) > step:
                part.unlink()

    def merge(self) -> None:
        """Join the parts to one file; without any pseudo-label there is none."""
        if not self._runtime.is_main or not self._parts():
            return
        with (
            replacing(self._run.pseudo_labels_file) as temporary,
            pq.ParquetWriter(temporary, SCHEMA) as writer,
        ):
            for part in self._parts():
                writer.write_table(_table(part))
        shutil.rmtree(self._run.pseudo_label_parts)

    def _write(self, table: Any, step: int) -> None:
        """Write one part."""
        target = self._run.pseudo_label_parts / f"part-{step:09d}.parquet"
        with replacing(target) as temporary:
            pq.write_table(table, temporary)

    def _parts(self) -> list[Path]:
        """The parts by step."""
        return sorted(self._run.pseudo_label_parts.glob("part-*.parquet"))


def _table(file: Path) -> Any:
    """All rows of a file of ours."""
    with (
        reading(file, CheckpointError, "restore it from a copy of the run, or train again"),
        opened_parquet(file) as opened,
    ):
        return opened.read()

"""What one line of a list says about a video."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One line of a list.

    Attributes:
        name: The video as the list calls it, with or without extension.
        label: Class name, or None where the list does not say.
        group: Group, or None.
        subset: "train", "val", "test", "unused", or None.
        alias: Another name the file may have, or None.
        class_id: Names the class where neither the list nor a folder does, or None.
        is_exact: Whether ``name`` is the path of the file and nothing else will do.
        is_folder_label: Whether ``label`` is only the name of the folder that ``name`` lies in.
        is_unlabeled: Whether the list says that there is no label, whatever the folder is called.
        start_seconds: Where in the video the labelled part begins; None for its beginning.
        end_seconds: Where it ends; None for the end of the video.
    """

    name: str
    label: str | None = None
    group: str | None = None
    subset: str | None = None
    alias: str | None = None
    class_id: int | None = None
    is_exact: bool = False
    is_folder_label: bool = False
    is_unlabeled: bool = False
    start_seconds: float | None = None
    end_seconds: float | None = None

    @property
    def part(self) -> tuple[float | None, float | None]:
        """Which part of the video it is about; (None, None) for all of it."""
        return self.start_seconds, self.end_seconds

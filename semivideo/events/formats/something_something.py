"""Something-Something v2: whole clips by number, and sentences made of templates.

    [{"id": "74225", "label": "spinning cube", "template": "Spinning [something]", ...}, ...]

The template without its brackets is the class, as ``labels.json`` lists it. A test list has ids
alone. The subset is in the file's name.
"""

from __future__ import annotations

from semivideo.events.content import Content
from semivideo.events.guidance import Reading
from semivideo.events.label_row import LabelRow
from semivideo.events.lists import subset_in_name


def is_it(content: Content) -> bool:
    """Whether it is a list of objects with an id and a template, or with an id alone."""
    clips = content.json
    if not (isinstance(clips, list) and clips and all(isinstance(c, dict) for c in clips)):
        return False
    return all("id" in clip and ("template" in clip or set(clip) == {"id"}) for clip in clips)


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read the clips; those without a template are unlabelled."""
    subset = subset_in_name(content.path.stem)
    rows = []
    for clip in content.json:
        template = clip.get("template")
        label = None if template is None else template.replace("[", "").replace("]", "")
        rows.append(LabelRow(str(clip["id"]), label, subset=subset, is_unlabeled=label is None))
    return rows

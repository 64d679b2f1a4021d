"""``semivideo encoders``: pretrained networks that can be used, and what is here of them."""

from __future__ import annotations

from rich.table import Table

from semivideo.cli.console import note, show


def encoders() -> None:
    """List pretrained networks: what they are, what they had seen, and whether they are here."""
    from semivideo.base.errors import MissingExtraError
    from semivideo.encoders import ENCODERS, load_encoder

    table = Table("name", "what it is", "pretrained on", "league", "licence", "weights", "here")
    for name, entry in ENCODERS.items():
        try:
            load_encoder(name)
            here = "yes"
        except MissingExtraError:
            here = entry.how_to_get
        table.add_row(
            name,
            entry.shows,
            entry.pretrained_on,
            entry.league,
            entry.licence,
            f"{entry.million_weights:g} M",
            here,
        )
    show(table)
    note("licences are as published; results of different leagues are not to be ranked together")

"""LTG's tables and figures, number by number (arXiv 2111.13241)."""

from __future__ import annotations

from semivideo.recipes import ltg_paper
from semivideo.recipes.table_cells import Cell, PaperTable

_PARTS = ("fixmatch", "alignment", "contrast", "both")
# Share to top-1 of FixMatch, + alignment, + contrast, + both, and their top-5 where printed.
_TABLE_1: dict[tuple[str, int], tuple[tuple[float, ...], tuple[float, ...]]] = {
    ("ucf101", 20): ((54.1, 74.6, 68.6, 76.1), (78.1, 91.7, 89.2, 92.1)),
    ("ucf101", 10): ((38.4, 60.4, 58.0, 62.4), ()),
    ("kinetics400", 1): ((5.4, 9.4, 5.2, 9.8), ()),
    ("kinetics400", 10): ((40.2, 43.5, 42.6, 43.8), ()),
    ("hmdb51", 50): ((37.8, 47.3, 46.1, 48.4), ()),
}


def _of(grid: str, *rows: tuple[str, str, float | None]) -> tuple[Cell, ...]:
    """Cells of a grid that is there at both sizes: row, variant, top-1."""
    return tuple(
        Cell(row, f"paper-{grid}/{name}", f"{grid}/{name}", top1) for row, name, top1 in rows
    )


def _parts() -> tuple[Cell, ...]:
    cells = []
    for share, (top1, top5) in _TABLE_1.items():
        is_own = share != ("ucf101", 20)
        grid = "paper-ltg-table1" + (f"-{share[0]}-{share[1]}" if is_own else "")
        for number, part in enumerate(_PARTS):
            also = {"top-5": top5[number]} if top5 else {}
            run, small = f"{grid}/{part}", f"ltg-table1/{part}"
            cells.append(Cell(part, run, small, top1[number], share, also))
    return tuple(cells)


def _main() -> tuple[Cell, ...]:
    return tuple(
        Cell(
            method,
            f"{method}-{share[0]}-{share[1]}-{ltg_paper.NETWORK.get(method, 'r3d18')}",
            "small-videossl-taught" if method == "videossl" else f"small-{method}",
            top1,
            share,
        )
        for method, row in ltg_paper.TABLE.items()
        for share, top1 in row.items()
        if method not in ("supervised", "fixmatch") and top1 is not None
    )


TABLES: dict[str, PaperTable] = {
    "ltg-1": PaperTable("LTG Table 1", "what each part brings", _parts()),
    "ltg-2": PaperTable(
        "LTG Table 2",
        "methods",
        _main(),
        remark="numbers of other methods were copied from paper to paper, see `ltg_paper`",
    ),
    "ltg-3a": PaperTable(
        "LTG Table 3a",
        "one modality alone, and fast or slow temporal gradient; UCF-101, 20 %",
        _of(
            "ltg-table3a",
            ("FixMatch, frames", "fixmatch-rgb", 52.9),
            ("FixMatch, slow gradient", "fixmatch-slow", 67.3),
            ("FixMatch, fast gradient", "fixmatch-fast", 68.3),
            ("frames beside slow gradient", "gradient-slow", 68.2),
            ("frames beside fast gradient", "gradient-fast", 74.1),
        ),
        remark="two settings have another number elsewhere, and the paper prints both: FixMatch on "
        "frames 52.9 here and 54.1 in Table 1, frames beside fast gradient 74.1 here and 74.6 in "
        "Tables 1 and 3b to 3f; LTG's published configurations of this table differ from the "
        "others in the number of the first frame alone",
    ),
    "ltg-3b": PaperTable(
        "LTG Table 3b",
        "distance of the alignment; UCF-101, 20 %",
        _of(
            "ltg-table3b",
            ("none", "none", 54.1),
            ("L1", "l1", 74.0),
            ("L2", "l2", 74.4),
            ("cosine", "cosine", 74.6),
        ),
        remark="the paper prints FixMatch's 54.1 for none; without alignment and contrast two "
        "networks still label together",
    ),
    "ltg-3c": PaperTable(
        "LTG Table 3c",
        "stop-gradient; UCF-101, 20 %",
        _of(
            "ltg-table3c",
            ("without", "stop-gradient-False", 60.0),
            ("with", "stop-gradient-True", 74.6),
        ),
    ),
    "ltg-3d": PaperTable(
        "LTG Table 3d",
        "who labels; UCF-101, 20 %",
        _of(
            "ltg-table3d",
            ("frames", "rgb", 73.6),
            ("gradient", "temporal", 74.1),
            ("each its own", "own", 72.8),
            ("average", "average", 74.6),
            ("average of logits", "average_logits", None),
        ),
        remark="the average of logits is the published code's, and no row of the paper",
    ),
    "ltg-3e": PaperTable(
        "LTG Table 3e",
        "blocks that are aligned; UCF-101, 20 %",
        _of(
            "ltg-table3e",
            ("4th", "res5", 71.4),
            ("3rd, 4th", "res4-res5", 74.0),
            ("2nd to 4th", "res3-res4-res5", 74.4),
            ("all", "res2-res3-res4-res5", 74.6),
        ),
    ),
    "ltg-3f": PaperTable(
        "LTG Table 3f",
        "ways of training, one after the other; UCF-101, 20 %",
        _of(
            "ltg-table3f",
            ("plain", "plain", 71.1),
            ("+ warm-up of the rate", "rate-warmup", None),
            ("+ supervised warm-up", "supervised-warmup", None),
            ("+ PreciseBN", "precise-bn", 74.6),
        ),
        remark="of the rows between, it is known here that supervised warm-up adds 2.7",
    ),
    "ltg-3g": PaperTable(
        "LTG Table 3g",
        "temperature of the contrast; UCF-101, 20 %",
        _of(
            "ltg-table3g",
            ("0.1", "temperature-0.1", 74.8),
            ("0.2", "temperature-0.2", 75.2),
            ("0.5", "temperature-0.5", 76.1),
            ("1.0", "temperature-1.0", 74.3),
        ),
    ),
    "ltg-6": PaperTable(
        "LTG Table 6",
        "accuracy on training and on test videos; UCF-101, 20 %",
        _of("ltg-table1", ("FixMatch", "fixmatch", None), ("LTG", "both", None)),
        remark="both figures of a run: semivideo evaluate RUN --videos ALL_VIDEOS; the paper's "
        "numbers are not known here: FixMatch has the larger gap",
    ),
    "ltg-fig1": PaperTable(
        "LTG Fig. 1",
        "FixMatch on frames and on temporal gradients",
        _of(
            "ltg-table3a",
            ("frames", "fixmatch-rgb", None),
            ("slow gradient", "fixmatch-slow", None),
            ("fast gradient", "fixmatch-fast", None),
        ),
        figure="learning",
    ),
    "ltg-fig2": PaperTable(
        "LTG Fig. 2", "drawing of the method", remark="its equations: docs/methods/ltg.md"
    ),
    "ltg-fig3": PaperTable(
        "LTG Fig. 3",
        "frames of a clip above their temporal gradients",
        (Cell("any run", "ltg-ucf101-20-r3d18", "small-ltg"),),
        figure="temporal-gradient",
    ),
}
"""Name, as on the command line, to table or figure."""

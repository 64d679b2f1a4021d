"""CMPL's tables and figures, number by number (arXiv 2112.09690)."""

from __future__ import annotations

from semivideo.recipes import cmpl_paper
from semivideo.recipes.table_cells import Cell, PaperTable

_SMALL_ROW = {
    ("fixmatch", "slowfast"): "cmpl-table1/fixmatch-slowfast",
    ("cmpl", "r18"): "cmpl-table1/cmpl-r18",
}
_BASELINES = (
    Cell("S4L, R18", "s4l-ucf101-10-r3d18", "small-s4l", 29.1, ("ucf101", 10)),
    Cell(
        "VideoSSL, R18", "videossl-ucf101-10-r3d18", "small-videossl-taught", 42.0, ("ucf101", 10)
    ),
    Cell(
        "TCL, TSM-R18",
        "tcl-finetuned-kinetics400-1-tsm",
        "small-tcl",
        8.5,
        ("kinetics400", 1),
        remark="with fine-tuning",
    ),
)


def _of(
    grid: str, *rows: tuple[str, str, float | None], also: dict[str, dict[str, float]] | None = None
) -> tuple[Cell, ...]:
    """Cells of a grid that is there at both sizes: row, variant, top-1."""
    return tuple(
        Cell(row, f"paper-{grid}/{name}", f"{grid}/{name}", top1, also=(also or {}).get(name, {}))
        for row, name, top1 in rows
    )


def _with_weights() -> tuple[Cell, ...]:
    """Table A1: all labels, so its small runs are those with all labels."""
    grid, folder, option = "cmpl-table-a1", "utd-mhad-all-labels", "--set networks.primary.weights="
    random, images = f"{grid}/random-weights", f"{grid}/image-weights"
    return (
        Cell("CMPL", f"paper-{grid}/cmpl", f"{grid}/cmpl", 88.9, folder=folder),
        Cell("random weights", f"paper-{random}", random, 61.1, folder=folder),
        Cell(
            "ImageNet weights",
            f"paper-{random}",
            images,
            86.2,
            add=f"{option}IMAGENET_FILE",
            folder=folder,
            league="image weights",
        ),
        Cell(
            "CoCLR",
            f"paper-{random}",
            random,
            87.6,
            add=f"{option}COCLR_FILE",
            add_small=f"{option}COCLR_FILE",
            folder=folder,
            league="video weights",
            remark="copied from CoCLR's paper: weights learned of videos without labels",
        ),
    )


def _main() -> tuple[Cell, ...]:
    cells = [
        Cell(
            f"{method}, {network}",
            f"{method}-{share[0]}-{share[1]}-{network}",
            _SMALL_ROW.get((method, network), f"small-{method}"),
            top1,
            share,
        )
        for (method, network), row in cmpl_paper.TABLE.items()
        for share, top1 in zip(cmpl_paper.SHARES, row, strict=True)
    ]
    return (*cells, *_BASELINES)


_BOTH = ("fixmatch", "cmpl")
_RUNS_OF_BOTH = tuple(
    Cell(name, f"{name}-kinetics400-1-r50-50e", f"small-{name}") for name in _BOTH
)
_GFLOP = {
    "primary-16": 168.0,
    "r18": 132.0,
    "r10": 108.0,
    "width-1": 187.0,
    "width-1-2": 112.0,
    "width-1-4": 94.0,
    "width-1-8": 87.0,
}

TABLES: dict[str, PaperTable] = {
    "cmpl-1": PaperTable("CMPL Table 1", "methods and networks", _main()),
    "cmpl-2": PaperTable(
        "CMPL Table 2",
        "what each part brings; Kinetics-400, 1 %",
        _of(
            "cmpl-table2",
            ("FixMatch", "fixmatch", 6.78),
            ("FixMatch + frame rates", "fixmatch-frame-rate", 7.12),
            ("FixMatch + frame rates + location", "fixmatch-location", None),
            ("+ auxiliary network", "auxiliary", 12.04),
            ("+ frame rate", "frame-rate", 12.90),
            ("+ temporal offset", "offset", 13.71),
        ),
        remark="the number of FixMatch + location is not known here; small recipes spread clips "
        "over the video, where an offset moves no window and only draws A's frames apart, so the "
        "runs at the paper's size alone test it",
    ),
    "cmpl-3": PaperTable(
        "CMPL Table 3",
        "the auxiliary network; Kinetics-400, 1 %",
        _of(
            "cmpl-table3",
            ("Primary, 8 frames", "primary-8", 6.78),
            ("Primary, 16 frames", "primary-16", 7.12),
            ("R50", "width-1", 9.97),
            ("R18", "r18", 10.63),
            ("R10", "r10", 10.88),
            ("R50 x1/2", "width-1-2", 11.57),
            ("R50 x1/4", "width-1-4", 12.90),
            ("R50 x1/8", "width-1-8", 12.08),
            also={name: {"GFLOP": number} for name, number in _GFLOP.items()}
            | {"primary-8": {"GFLOP": 146.0}},
        ),
        remark="FLOPs fit two passes of slow_r50 on 8 frames and one of the auxiliary network on "
        "16: 186.4, 111.6, 91.7, 86.1 (widths), 131.2, 109.0, 167.0; the 146 were not reproduced",
    ),
    "cmpl-4": PaperTable(
        "CMPL Table 4",
        "frames of the auxiliary network; Kinetics-400, 1 %",
        _of("cmpl-table4", ("8x8", "8x8", 12.04), ("16x4", "16x4", 12.90), ("32x2", "32x2", 12.94)),
    ),
    "cmpl-5": PaperTable(
        "CMPL Table 5",
        "temporal offset in seconds; Kinetics-400, 1 %",
        _of(
            "cmpl-table5",
            ("1", "offset_seconds-1.0", 12.90),
            ("2", "offset_seconds-2.0", 12.64),
            ("5", "offset_seconds-5.0", 13.44),
            ("10", "offset_seconds-10.0", 13.71),
        ),
    ),
    "cmpl-6": PaperTable(
        "CMPL Table 6",
        "losses of the auxiliary network; Kinetics-400, 1 %",
        _of(
            "cmpl-table6",
            ("none (FixMatch)", "fixmatch", 6.78),
            ("labels only", "labels-only", 10.57),
            ("pseudo-labels only", "pseudo-labels-only", 10.32),
            ("both", "both", 12.90),
            also={
                "fixmatch": {"top-5": 17.92},
                "labels-only": {"top-5": 25.53},
                "pseudo-labels-only": {"top-5": 24.46},
                "both": {"top-5": 28.19},
            },
        ),
    ),
    "cmpl-a1": PaperTable(
        "CMPL Table A1",
        "all of UCF-101's labels, unlabelled videos of Kinetics-400",
        _with_weights(),
        remark="the rows without CMPL have as many steps as CMPL on Kinetics-400 and UCF-101",
    ),
    "cmpl-a2": PaperTable(
        "CMPL Table A2",
        "who labels for whom; Kinetics-400, 1 %",
        _of(
            "cmpl-table-a2",
            ("FixMatch", "fixmatch", 6.78),
            ("self first", "scheme-self_first", 10.80),
            ("opposite first", "scheme-opposite_first", 11.13),
            ("maximum", "scheme-maximum", 11.85),
            ("average", "scheme-average", 12.16),
            ("cross", "scheme-cross", 12.90),
        ),
    ),
    "cmpl-a3": PaperTable(
        "CMPL Table A3",
        "how the labelled videos are drawn; Kinetics-400, 1 %",
        _of("cmpl-table-a3", ("uniform", "balanced", 12.90), ("by class", "by_frequency", 12.68)),
    ),
    "cmpl-a4": PaperTable(
        "CMPL Table A4",
        "layers of the 3D-ResNet-50",
        remark="no accuracies: the network `resnet3d50`; tests compare its layers with the table",
    ),
    "cmpl-fig1": PaperTable(
        "CMPL Fig. 1",
        "accuracy by class of a small network minus that of a large one",
        _of("cmpl-fig1", ("R50", "primary", None), ("R50 x1/4", "auxiliary", None)),
        figure="class-gap",
    ),
    "cmpl-fig2": PaperTable(
        "CMPL Fig. 2", "right pseudo-labels over training", _RUNS_OF_BOTH, figure="correct-labels"
    ),
    "cmpl-fig3": PaperTable(
        "CMPL Fig. 3", "drawing of the method", remark="its equations: docs/methods/cmpl.md"
    ),
    "cmpl-fig4a": PaperTable(
        "CMPL Fig. 4a",
        "accuracy against the threshold",
        _of(
            "cmpl-fig4-threshold",
            *((str(n), f"threshold-{n}", None) for n in (0.5, 0.7, 0.8, 0.9, 0.95)),
        ),
        figure="sweep",
    ),
    "cmpl-fig4b": PaperTable(
        "CMPL Fig. 4b",
        "accuracy against unlabelled clips per labelled one",
        _of("cmpl-fig4-ratio", *((str(n), f"ratio-{n}", None) for n in (1, 2, 5, 10))),
        figure="sweep",
        remark="at the paper's size an epoch counts unlabelled clips, so 1 has ten times the steps "
        "of 10; the small runs all have the same steps",
    ),
    "cmpl-fig4c": PaperTable(
        "CMPL Fig. 4c",
        "accuracy against the weight of the unlabelled terms",
        _of("cmpl-fig4-weight", *((str(n), f"weight-{n}", None) for n in (1.0, 2.0, 5.0, 10.0))),
        figure="sweep",
    ),
    "cmpl-fig5": PaperTable(
        "CMPL Fig. 5",
        "accuracy lost at lower frame rates, of both networks at 8x8",
        (
            Cell("primary and auxiliary", "cmpl-kinetics400-1-r50-50e", "small-cmpl"),
            *_of("cmpl-table4", ("both at 8x8", "8x8", None)),
        ),
        figure="frame-rate-drop",
    ),
    "cmpl-fig6": PaperTable(
        "CMPL Fig. 6",
        "who is right on the clips that the auxiliary network is sure of",
        _RUNS_OF_BOTH,
        figure="confident-clips",
    ),
    "cmpl-fig7": PaperTable(
        "CMPL Fig. 7",
        "gain by class against the auxiliary network's accuracy",
        (*_RUNS_OF_BOTH, *_of("cmpl-fig1", ("auxiliary, supervised", "auxiliary", None))),
        figure="gain-by-auxiliary",
    ),
}
"""Name, as on the command line, to table or figure."""

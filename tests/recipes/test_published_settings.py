"""Settings of published recipes that are easy to get wrong, each with what says so.

Sources: ``CMPL`` arXiv 2112.09690, ``LTG`` arXiv 2111.13241 and its published code, and the papers
and codes of the other methods. A recipe that is changed back fails here.
"""

import pytest

from semivideo.base.records import ClipSpec
from semivideo.recipes import RECIPES
from semivideo.recipes.grids import GRIDS
from semivideo.recipes.paper_tables import base_of
from semivideo.run.cost import cost

LTG_VIEWS = {
    "views.randaugment_pool": "imgaug",  # LTG's code: imgaug's 15 operations, Cutout one of them
    "views.randaugment_ops": 2,  # LTG's code: SomeOf 2
    "views.randaugment_magnitude": 27,  # LTG's code: magnitude 9 of 10
    "views.cutout": 0.0,  # LTG's code: only where it was drawn
    "views.strong_crop": "weak",  # LTG's code: the weak result, same crop and flip
    "views.standard": "resized",  # LTG's code: random resized crop
    "views.weak": "standard",  # LTG's code: weak is the labelled view
}
PRECISE = {"engine.precise_bn": 200}  # caption of LTG Table 3; LTG's code: 200 iterations
PLAIN_BN = {"engine.precise_bn": 0}  # LTG Table 3f: rows before "+ PreciseBN"
NO_CONTRAST = {"method.contrast.weight": 0.0}  # caption of LTG Table 3
WARM_UPS = {"engine.warmup": 30 / 180, "method.supervised_warmup": 30 / 180}  # LTG's code

WITHOUT_LABELED = {
    "data.unlabeled_includes_labeled": False  # SVFormer's, SeFAR's, TimeBalance's lists
}
TRANSFORMER = {
    **WITHOUT_LABELED,
    "networks.primary.name": "huggingface",  # SVFormer: TimeSformer
    "networks.primary.num_frames": 8,  # SVFormer
    "networks.primary.stride_frames": 8,  # SVFormer
    "networks.primary.drop_path": 0.1,  # SVFormer
    "networks.primary.options.dropout": 0.5,  # SVFormer
    "data.labeled_batch": 8,  # SeFAR's released settings
    "data.unlabeled_batch": 40,  # SVFormer: labelled : unlabelled 1 : 5
    "engine.epochs": 30,  # SVFormer
    "engine.epoch_of": "labeled",  # SVFormer: a pass over the labelled clips
    "engine.learning_rate": 0.005,  # SVFormer
    "engine.momentum": 0.9,  # SVFormer
    "method.supervised_warmup": 5 / 30,  # SVFormer: 5 supervised epochs first
    "evaluation.num_clips": 5,  # SVFormer's code
    "evaluation.num_crops": 3,  # SVFormer's code
}
ACTORCUTMIX = {
    "views.randaugment_pool": "fixmatch_cutout",  # its code: 15 operations, CutoutAbs among them
    "views.randaugment_ops": 2,  # its code
    "views.randaugment_magnitude": 10,  # its code: 10 of 30
    "views.cutout": 0.0,  # its code: only where it was drawn
    "views.strong_crop": "weak",  # its code: weak and strong share clip and crop
    "views.temporal_augment": True,  # its code
    "networks.primary.name": "r2plus1d34",  # its code
    "engine.learning_rate": 0.2,  # its code
    "engine.weight_decay": 1e-4,  # its code
    "engine.clip_gradient": 40.0,  # its code
    "engine.warmup": 0.0,  # its code: none
    "method.threshold": 0.95,  # its code
    "method.mix_probability": 0.5,  # its code: of the batches
    "method.supervised_warmup": None,  # its code: none (the method's default is 0)
}
MVPL = {
    "data.labeled_batch": 8,  # LTG's code: 1 + 4 clips a process of 8
    "data.unlabeled_batch": 32,
    "views.shared_crop": False,  # LTG's code: frames and gradient apart
    "views.randaugment_magnitude": 10,  # LTG's code
    "views.randaugment_random_magnitude": True,  # LTG's code
    "views.cutout": 4 / 7,  # LTG's code: 128 of 224
    "method.threshold": 0.3,  # LTG's code
    "method.fusion": "logits",  # LTG's code
    "engine.learning_rate": 0.1,  # LTG's code
    "evaluation.average": "probabilities",  # LTG's code
}
TCL = {
    "networks.primary.name": "tsm_r18",  # TCL's code
    "networks.primary.num_frames": 8,  # TCL's code: segments of the fast path
    "data.sampling": "segments",  # TCL's code
    "data.labeled_batch": 8,  # TCL's code
    "data.unlabeled_batch": 24,  # TCL's code: three for each
    "engine.epochs": 400,  # TCL's code
    "engine.learning_rate": 0.02,  # TCL's code
    "engine.clip_gradient": 20.0,  # TCL's code
    "method.weight": 9.0,  # TCL's code: gamma
    "method.group_weight": 1.0,  # TCL's code: beta
}

SETTINGS = {
    # LTG's strong view
    "ltg-ucf101-20-r3d18": {**LTG_VIEWS, **PRECISE, **WARM_UPS, "method.threshold": 0.3},
    "fixmatch-ucf101-20-r3d18": {**LTG_VIEWS, **PRECISE, **WARM_UPS, "method.threshold": 0.3},
    # FixMatch in CMPL's Table 1: CMPL, section 4.1, the same settings as CMPL
    "fixmatch-ucf101-1-r50": {"method.threshold": 0.9, "method.weight": 5.0},
    "fixmatch-kinetics400-1-slowfast": {"method.threshold": 0.9, "method.weight": 5.0},
    "fixmatch-ucf101-10-r50": {"method.threshold": 0.9, "method.weight": 2.0},
    "fixmatch-kinetics400-10-slowfast": {"method.threshold": 0.9, "method.weight": 2.0},
    "fixmatch-kinetics400-1-r50-50e": {"method.threshold": 0.9, "engine.epochs": 50},  # Table 2
    # LTG Table 3
    **{f"paper-ltg-table3a/gradient-{k}": PRECISE | NO_CONTRAST for k in ("fast", "slow")},
    **{f"paper-ltg-table3a/fixmatch-{k}": PRECISE for k in ("rgb", "slow", "fast")},
    **{f"paper-ltg-table3b/{k}": PRECISE | NO_CONTRAST for k in ("none", "l1", "l2", "cosine")},
    "paper-ltg-table3c/stop-gradient-False": PRECISE | NO_CONTRAST,
    "paper-ltg-table3d/own": PRECISE | NO_CONTRAST,
    "paper-ltg-table3e/res5": PRECISE | NO_CONTRAST,
    "paper-ltg-table3f/plain": {
        **PLAIN_BN,
        **NO_CONTRAST,
        "engine.warmup": 0.0,  # LTG Table 3f: the first row has neither warm-up
        "method.supervised_warmup": 0.0,
    },
    "paper-ltg-table3f/rate-warmup": {
        **PLAIN_BN,
        **NO_CONTRAST,
        "engine.warmup": 30 / 180,
        "method.supervised_warmup": 0.0,
    },
    "paper-ltg-table3f/supervised-warmup": PLAIN_BN | NO_CONTRAST | WARM_UPS,
    "paper-ltg-table3f/precise-bn": PRECISE | NO_CONTRAST | WARM_UPS,
    "paper-ltg-table3g/temperature-0.5": PRECISE | {"method.contrast.weight": None},  # contrast on
    # CMPL Table 5: an offset needs windows
    **{
        f"paper-cmpl-table5/offset_seconds-{t}": {
            "data.sampling": "window",
            "networks.auxiliary.offset_seconds": t,
        }
        for t in (1.0, 2.0, 5.0, 10.0)
    },
    # TCL, S4L and R18
    "tcl-kinetics400-1-tsm": TCL | {"method.finetune": 0.0},  # LTG Table 2: 7.7 without
    "tcl-finetuned-kinetics400-1-tsm": TCL | {"method.finetune": 50 / 400},  # TCL's code
    "s4l-ucf101-10-r3d18": {
        "networks.primary.num_frames": 16,  # VideoSSL's protocol
        "networks.primary.stride_frames": 4,  # the same window
    },
    "pseudo_label-ucf101-10-r3d18": {"networks.primary.num_frames": 8},  # nothing is known
    "mean_teacher-ucf101-10-r3d18": {"networks.primary.num_frames": 8},  # nothing is known
    "cmpl-ucf101-1-r18": {
        "networks.auxiliary.name": "resnet3d18",  # ours: the paper does not say
        "networks.auxiliary.options.width": 0.25,
    },
    # UPS: each of 20 rounds is a training, its code; of 180 epochs, LTG's schedule (ours)
    "ups-ucf101-20-r3d18": {"method.rounds": 20, "engine.epochs": 20 * 180},
    "ups-ucf101-50-r3d18": {"method.rounds": 20, "engine.epochs": 20 * 180},
    # The methods after
    **{
        f"svformer-{share}-{size}": {
            **TRANSFORMER,
            "method.weight": None,  # the method's default, which is SVFormer's 2
            "method.threshold": 0.7,  # one of 0.3, 0.5, 0.7, 0.9 there
            "networks.primary.options.config.hidden_size": width,  # S, B
        }
        for size, width in (("s", 384), ("b", 768))
        for share in ("ucf101-1", "ucf101-10", "hmdb51-40", "kinetics400-1")
    },
    "sefar-ucf101-5-b": {
        **TRANSFORMER,
        "method.reverse": True,  # SeFAR
        "method.adaptive": True,  # SeFAR
        "method.warp": False,  # SeFAR: reversed segments in its place
        "method.decay": 0.9999,  # SeFAR's settings
    },
    "timebalance-ucf101-10-r50": {
        **WITHOUT_LABELED,
        "networks.primary.name": "resnet3d50",  # TimeBalance
        "method.weight": 100.0,  # TimeBalance's code
        "engine.epochs": 300,  # TimeBalance: 150 of the student; the teachers' 150 are ours
        "engine.warmup": 10 / 150,  # a share of each round
    },
    "actorcutmix-ucf101-10-r2plus1d34": ACTORCUTMIX | {"engine.epochs": 360},  # its code
    "actorcutmix-hmdb51-50-r2plus1d34": ACTORCUTMIX | {"engine.epochs": 600},  # its code
    "mvpl-ucf101-20-r18": {
        **MVPL,
        "networks.primary.name": "slow_r18",  # LTG Table 2: R18
        "engine.epochs": 240,  # LTG's code
        "engine.warmup": 30 / 240,  # LTG's code
        "method.supervised_warmup": 30 / 240,  # LTG's code
    },
    "mvpl-kinetics400-1-r50": {
        **MVPL,
        "networks.primary.name": "slow_r50",  # CMPL Table 1: R50
        "method.modalities": ["rgb", "fast_gradient", "flow"],  # MvPL
        "engine.epochs": 600,  # as ActNetFormer's and SeFAR's tables quote MvPL
        "engine.warmup": 30 / 600,  # LTG's code: 30 epochs
        "method.supervised_warmup": 30 / 600,  # LTG's code: 30 epochs
    },
}
"""Recipe, or grid/variant, to dotted settings; None for what is left to the method's default."""


@pytest.mark.parametrize("run", SETTINGS)
def test_published__settings_are_those_of_their_source(run):
    recipe, changes = base_of(run)
    settings = RECIPES[recipe].settings().updated(changes).model_dump(mode="json")
    for key, wanted in SETTINGS[run].items():
        value = settings
        for part in key.split("."):
            value = (value or {}).get(part)
        assert value == (pytest.approx(wanted) if isinstance(wanted, float) else wanted), key


PUBLISHED = {
    # SVFormer, its table: small and base
    "svformer-ucf101-1": (31.4, 46.3),
    "svformer-ucf101-10": (79.1, 86.7),
    "svformer-hmdb51-40": (56.2, 61.6),
    "svformer-hmdb51-50": (58.2, 64.4),
    "svformer-hmdb51-60": (59.7, 68.2),
    "svformer-kinetics400-1": (32.6, 49.1),
    "svformer-kinetics400-10": (61.6, 69.4),
    # SeFAR, its table: base
    "sefar-ucf101-1": (50.3,),
    "sefar-ucf101-5": (77.6,),
    "sefar-ucf101-10": (87.0,),
    "sefar-hmdb51-40": (61.5,),
    "sefar-hmdb51-50": (65.7,),
    # TimeBalance, 3D-ResNet-50; as quoted elsewhere
    "timebalance-ucf101-1": (30.1,),
    "timebalance-ucf101-5": (53.3,),
    "timebalance-ucf101-10": (81.1,),
}


def test_published__numbers_of_later_papers():
    networks = {"svformer": ("s", "b"), "sefar": ("b",), "timebalance": ("r50",)}
    found = {
        name: RECIPES[name].paper.split()[0] for name in RECIPES if name.split("-")[0] in networks
    }
    assert found == {
        f"{cell}-{network}": str(number)
        for cell, numbers in PUBLISHED.items()
        for network, number in zip(networks[cell.split("-")[0]], numbers, strict=True)
    }


def test_published__slow_gradient_has_nine_frames_seven_apart_in_the_window():
    """LTG's text: a stride of 7; its code: differences of 9 frames over the window."""
    recipe, changes = base_of("paper-ltg-table3a/fixmatch-slow")
    network = RECIPES[recipe].settings().updated(changes).networks.primary
    clip = ClipSpec(network.num_frames, network.stride_frames, modality=network.modality)
    assert (clip.modality, clip.step_frames) == ("slow_gradient", 7)


def test_published__ltg_table_3f_begins_without_either_warm_up():
    variants = ["plain", "rate-warmup", "supervised-warmup", "precise-bn"]
    assert list(GRIDS["paper-ltg-table3f"].variants) == variants


def test_published__ups_rounds_are_trainings_and_cost_as_many_times_as_much():
    ups, other = RECIPES["ups-ucf101-20-r3d18"], RECIPES["pseudo_label-ucf101-20-r3d18"]
    rounds = ups.settings().method.options["rounds"]
    assert ups.settings().engine.epochs == rounds * other.settings().engine.epochs


def test_cost__counts_the_videos_that_an_epoch_passes_over():
    settings = RECIPES["timebalance-ucf101-10-r50"].settings()
    assert not settings.data.unlabeled_includes_labeled
    without = float(cost(settings, data="ucf101", percent=10).split()[0])
    all_videos = settings.updated({"data.unlabeled_includes_labeled": True})
    included = float(cost(all_videos, data="ucf101", percent=10).split()[0])
    assert without == pytest.approx(0.9 * included, rel=0.05)  # both are rounded to two digits

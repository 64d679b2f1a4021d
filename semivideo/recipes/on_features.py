"""Settings for cached features of a pretrained network: heads that train in seconds.

    semivideo features videos/ --out features/
    semivideo train features/ --recipe features-fixmatch --labels-per-class 5 --out runs/a

Features are standardised and of unit length, so logits need large weights: the learning rate is
high. The decay of weights is what the probe's C is: 1 / (C times labelled videos), and with hardly
any a linear head is far below the probe. The decay was chosen on held-out groups of the training
sides of J-HMDB and UTD-MHAD; the rate is a first guess (docs/log.md).
"""

from __future__ import annotations

from typing import Any

from semivideo.settings import Settings


def probe() -> Settings:
    """Return logistic regression on the labelled videos, computed at once."""
    return _settings({"name": "probe"})


def knn() -> Settings:
    """Return votes of the nearest labelled videos, computed at once."""
    primary = {"name": "neighbours", "options": {"dim": 1}}
    return _settings({"name": "knn"}).updated({"networks.primary": primary})


def propagate() -> Settings:
    """Return labels that flow to neighbours and are learned there, computed at once."""
    return _settings({"name": "propagate"})


def wccn() -> Settings:
    """Return the probe that looks away from differences within groups, computed at once."""
    primary = {"name": "within", "options": {"dim": 1}}
    return _settings({"name": "wccn"}).updated({"networks.primary": primary})


def supervised() -> Settings:
    """Return a linear head on the labelled videos alone: the probe of this league."""
    return _settings({"name": "supervised"})


def pseudo_label() -> Settings:
    """Return Pseudo-Label, with a supervised warm-up and then a ramp."""
    options = {"threshold": 0.95, "weight": 1.0, "ramp": 0.4, "supervised_warmup": 0.2}
    return _settings({"name": "pseudo_label", **options})


def mean_teacher() -> Settings:
    """Return Mean Teacher."""
    return _settings({"name": "mean_teacher", "weight": 10.0, "ramp": 0.4, "decay": 0.99})


def ups() -> Settings:
    """Return UPS in three rounds; dropout makes its uncertainty."""
    selection = {"kappa_p": 0.2, "kappa_n": 0.02}
    method = {"name": "ups", "rounds": 3, "reinitialize": False, "selection": selection}
    return _settings(method).updated({"networks.primary.options.dropout": 0.3})


def fixmatch() -> Settings:
    """Return FixMatch with a supervised warm-up."""
    return _settings(_confident("fixmatch"), weak_graph=False)


def cmpl() -> Settings:
    """Return CMPL of a linear head and one with a hidden layer."""
    return _settings(_confident("cmpl"), weak_graph=False)


def s4l() -> Settings:
    """Return S4L of a head with a hidden layer: the part that both tasks share."""
    # A frozen encoder's features say which way is up, so little of it, and no labels upside down.
    options = {"weight": 0.1, "copy_label": False}
    return _hidden({"name": "s4l", **options}, learning_rate=2.0)


def tcl() -> Settings:
    """Return TCL; the slow path is every second step."""
    return _settings({"name": "tcl"})


def mvpl() -> Settings:
    """Return MvPL of one head on frames and their temporal gradient."""
    return _settings(_confident("mvpl"), weak_graph=False)


def actorcutmix() -> Settings:
    """Return ActorCutMix, which mixes the steps of two clips where pixels mix places."""
    settings = _settings(_confident("actorcutmix"), weak_graph=False)
    return settings.updated({"features.descriptor": "steps"})


def videossl() -> Settings:
    """Return VideoSSL; the teacher is the encoder, by the classes it was pretrained for."""
    options = {"threshold": 0.95, "supervised_warmup": 0.2}
    taught = {"teacher": "encoder", "distillation_weight": 1.0}
    return _hidden({"name": "videossl", **options, **taught}, learning_rate=2.0)


def ltg() -> Settings:
    """Return LTG of two heads with a hidden layer, which is aligned."""
    return _hidden(_confident("ltg"), learning_rate=0.5)


def svformer() -> Settings:
    """Return SVFormer; clips of one place are blended where pixels are mixed patch by patch."""
    return _settings({**_confident("svformer"), "mixing": {"weight": 1.0}})


def votes() -> Settings:
    """Return votes of heads on all of the descriptor and on each of its three parts.

    On joined features set ``method.blocks=encoders``: a head on each encoder's.
    """
    return _settings({"name": "votes", "blocks": 3, "copies": 1})


def timebalance() -> Settings:
    """Return TimeBalance of heads on the frames and on their temporal gradient."""
    method = {"name": "timebalance", "weight": 100.0, "balance": "rank", "parts": 4}
    return _settings(method).updated({"features.descriptor": "steps"})


def text_teacher() -> Settings:
    """Return FixMatch beside class names, on features of CLIP, MetaCLIP 2 or SigLIP (2)."""
    taught = {"teacher": "encoder", "text_weight": 1.0}
    return _settings({**_confident("text_teacher"), **taught}, weak_graph=False)


def _hidden(method: dict[str, Any], *, learning_rate: float) -> Settings:
    """Return settings for a head with a hidden layer."""
    head = {"name": "mlp", "options": {"dim": 1, "hidden": 256, "dropout": 0.0}}
    return _settings(method).updated(
        {"networks.primary": head, "engine.learning_rate": learning_rate}
    )


def _confident(name: str) -> dict[str, Any]:
    return {"name": name, "threshold": 0.95, "weight": 1.0, "supervised_warmup": 0.2}


def _settings(method: dict[str, Any], *, weak_graph: bool = True) -> Settings:
    """Return what all share.

    Heads have no batch statistics, so weak views that only make labels need not be learned through.
    """
    return Settings.from_mapping(
        {
            "data": {"labeled_batch": 32, "unlabeled_batch": 64, "sampling": "segments"},
            "networks": {
                "primary": {"name": "linear", "options": {"dim": 1}},
                "auxiliary": {
                    "name": "mlp",
                    "options": {"dim": 1, "hidden": 256},
                    "rates": {"head": 2.0, "body": 2.0},  # at the linear head's it dies
                },
            },
            "method": method,
            "engine": {
                "steps": 1000,
                "learning_rate": 20.0,
                "weight_decay": 1e-4,
                "warmup": 0.0,
                "precision": "fp32",
                "tensorboard": False,
                "log_every": 100,
                "check_memory": False,
                "evaluate_every": None,
                "weak_graph": weak_graph,
            },
        }
    )

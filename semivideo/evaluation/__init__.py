"""Scores: clips x crops, metrics, and the recogniser that labels new video."""

from semivideo.evaluation.held_out import evaluate
from semivideo.evaluation.image_classifier import ImageInput, cache_image_logits
from semivideo.evaluation.infer import Prediction, Recognizer
from semivideo.evaluation.metrics import Evaluation
from semivideo.evaluation.prediction_file import Failure
from semivideo.evaluation.protocols import parse_protocol, with_protocol
from semivideo.evaluation.text_logits import cache_text_logits

__all__ = [
    "Evaluation",
    "Failure",
    "ImageInput",
    "Prediction",
    "Recognizer",
    "cache_image_logits",
    "cache_text_logits",
    "evaluate",
    "parse_protocol",
    "with_protocol",
]

"""Typed settings of a run: six sections, YAML in and out, every field with its help line.

The defaults are the founding paper's (CMPL, Kinetics-400 at 1 %) where it states one. Method and
network options that only one class has are checked against that class's constructor
(``run.build``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from semivideo.base.checked import Proportion, Section, Seed, sentence
from semivideo.base.errors import ConfigError, nearest
from semivideo.base.records import Modality

Decoder = Literal["software", "hardware"]
Workers = Annotated[int, Field(ge=0, le=1024)]
Level = Annotated[float, Field(ge=-100, le=100)]
"""Of frames in [0, 1]."""
Deviation = Annotated[float, Field(ge=1e-3, le=1000)]
"""What levels are divided by: numbers of a view stay such that their statistics are finite."""
Scale = Annotated[float, Field(gt=0, le=16)]
League = Literal["scratch", "image weights", "video weights"]
"""What a network had seen before its first label; results of different leagues are never ranked
together."""
LEAGUES: tuple[League, ...] = ("scratch", "image weights", "video weights")
NOT_TOLD = "not told"


class DataSettings(Section):
    """How clips are cut from videos and put into batches."""

    later: ClassVar[frozenset[str]] = frozenset({"resize", "keep_ratio", "multi_label"})

    short_side: int = Field(256, ge=16, le=8192)
    """Short side of the canvas frames are resized to after decoding, in pixels."""
    resize: Literal["area", "bilinear", "bicubic"] = "area"
    """area: shrunk to short_side at most; others: to it exactly, as pretrained weights want it."""
    keep_ratio: bool = True
    """Off squeezes whole frames into squares of short_side, where resize is not area."""
    sampling: Literal["window", "segments"] = "window"
    """window: num_frames x stride_frames from a random start; segments: spread over the video."""
    past_end: Literal["loop", "repeat_last"] = "loop"
    """What stands in for frames after the end of a video shorter than the window."""
    frame_rate: float | None = Field(None, gt=0, le=1000)
    """Resample videos to this many frames per second by index; None keeps each video's rate."""
    labeled_batch: int = Field(32, ge=1, le=1_000_000)
    """Labelled clips per step, over all processes."""
    unlabeled_batch: int = Field(160, ge=1, le=1_000_000)
    """Unlabelled clips per step, over all processes."""
    unlabeled_includes_labeled: bool = True
    """Whether labelled videos are also drawn, without label, as unlabelled ones."""
    balanced: bool = False
    """Draw labelled clips class by class instead of video by video."""
    multi_label: bool = False
    """Several classes may be there at once; labels are written as run|eat."""
    workers: Workers | Literal["auto"] = "auto"
    """Loader processes; auto: none if frames fit in memory, 2 for hardware, else 1 a core to 8."""
    memory_gb: float = Field(2.0, ge=0, le=1_000_000)
    """Decoded frames are kept in memory if all training videos fit in this many gigabytes."""
    decoder: Decoder = "software"
    """Who decodes video files: the processor, or a GPU's decoder by TorchCodec (hardware)."""


class ViewSettings(Section):
    """How raw clips become the views that networks see."""

    later: ClassVar[frozenset[str]] = frozenset({"randaugment_pool"})

    crop_size: int = Field(224, ge=8, le=4096)
    """Side of the square crop in pixels."""
    standard: Literal["jitter", "resized"] = "jitter"
    """Labelled view; jitter: scale jitter and crop (SlowFast); resized: random resized crop."""
    jitter_scale: tuple[Scale, Scale] = (256 / 224, 320 / 224)
    """Range of the short side before the crop, as a multiple of crop_size."""
    crop_shift: Proportion = 1.0
    """How far jittered crops stray from the centre: 1 anywhere in the frame, 0 not at all."""
    resized_area: tuple[float, float] = (0.08, 1.0)
    """Range of the cropped share of the area for 'resized'."""
    resized_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Range of the aspect ratio for 'resized'."""
    weak: Literal["center", "standard"] = "center"
    """Weak view: centre crop (CMPL) or the labelled view's random crop."""
    weak_scale: float = Field(256 / 224, ge=1, le=16)
    """Short side before the centre crop, as a multiple of crop_size."""
    strong_crop: Literal["own", "weak"] = "own"
    """Strong view: a jittered crop of its own, or the weak view's crop and flip (LTG)."""
    shared_crop: bool = True
    """Whether all streams of a clip get one crop and flip; MvPL draws them apart."""
    gradient_uint8: bool = False
    """Round temporal gradients to whole levels before cropping, as LTG's files on disk are."""
    motion_contrast: float = Field(1.0, gt=0, le=1000)
    """Factor of the distance of temporal gradients and flow from the grey of no motion."""
    flip: bool = True
    """Random horizontal flip; switch off where left and right are different classes."""
    randaugment_ops: int = Field(2, ge=0, le=64)
    """RandAugment N: operations per clip in the strong view."""
    randaugment_pool: Literal["fixmatch", "fixmatch_cutout", "imgaug"] = "fixmatch"
    """Operations of the strong view: FixMatch's 14, these and Cutout, or the 15 of LTG's code."""
    randaugment_magnitude: float = Field(10, ge=0, le=30)
    """RandAugment M, of 30."""
    randaugment_random_magnitude: bool = False
    """Draw each magnitude uniformly from [0, M] instead of using M."""
    cutout: float = Field(0.5, ge=0, le=1)
    """Largest side of the grey square of the strong view, as a share of the crop; 0 for none."""
    temporal_augment: bool = False
    """Strong view: repeat half of the clip, reverse it or hide frames; off where order matters."""
    mean: tuple[Level, Level, Level] = (0.45, 0.45, 0.45)
    """Mean per channel of frames in [0, 1] that is subtracted."""
    std: tuple[Deviation, Deviation, Deviation] = (0.225, 0.225, 0.225)
    """Deviation per channel of frames in [0, 1] that is divided by."""


class Rates(Section):
    """Peak learning rates of a network's parts, see docs/tuning.md."""

    head: float | None = Field(None, gt=0)
    """Of the head, which maps features to logits; None takes engine.learning_rate."""
    body: float | None = Field(None, gt=0)
    """Of the body, which is all before the head; None takes engine.learning_rate."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """Factor from each part of the body to the one before it; transformers take 0.65 to 0.75."""


class LoraSettings(Section):
    """Low-rank updates beside frozen weights (Hu et al. 2021), merged at deployment."""

    rank: int = Field(8, ge=1)
    """Rank of the updates; 4 to 16 are usual."""
    alpha: float | None = Field(None, gt=0)
    """Updates are scaled by alpha / rank; None takes alpha = 2 rank."""
    dropout: Proportion = 0.0
    """Probability of dropping an input of the updates."""
    targets: list[str] | None = Field(None, min_length=1)
    """Last words of the names of layers that get updates; None: queries, keys and values."""


class WeightsOrigin(Section):
    """Where weights come from: what has to be said beside every number they helped to get."""

    pretrained_on: str
    """The data they were trained on, as published."""
    licence: str = NOT_TOLD
    """Of the weights, as published."""
    league: League
    """What they make of a result."""


def league_of(origins: Sequence[WeightsOrigin]) -> League:
    """Return what weights make of a result that all of them helped to get."""
    leagues: list[League] = [each.league for each in origins]
    return max(leagues, key=LEAGUES.index, default="scratch")


class NetworkSettings(Section):
    """One network, the clips it sees and how it is tuned."""

    later: ClassVar[frozenset[str]] = frozenset(
        {
            *("modality", "rates", "freeze", "frozen_statistics", "drop_path", "lora"),
            *("weights", "origin"),
        }
    )

    name: str = "resnet3d50"
    """A name from `semivideo methods`, or module:Class."""
    num_frames: int = Field(8, ge=1, le=4096)
    """Frames per clip."""
    stride_frames: int = Field(8, ge=1, le=100_000)
    """Raw frames from one frame of the clip to the next."""
    offset_seconds: float = Field(0.0, ge=0, le=1_000_000)
    """The clip starts up to this many seconds away from the primary's (CMPL's t_s)."""
    modality: Modality = "rgb"
    """What it sees of frames, in training and after: colours, temporal gradient or flow."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Constructor arguments of the network, such as width or dropout."""
    rates: Rates = Field(default_factory=Rates)
    """Peak learning rates by part."""
    freeze: list[str] = Field(default_factory=list)
    """What is not trained: parts (body, head, stem, res2, ...) or beginnings of weights' names."""
    frozen_statistics: bool = False
    """Batch norms use the statistics they came with, and keep them; frozen parts do so anyway."""
    drop_path: float = Field(0.0, ge=0, lt=1)
    """Probability of leaving out the last residual block of a clip in training; less before it."""
    lora: LoraSettings | None = None
    """Low-rank updates of a frozen body (extra hf); None trains the weights themselves."""
    weights: str | None = None
    """File of initial weights, as `semivideo encoders convert` writes it; None starts afresh."""
    origin: WeightsOrigin | None = None
    """Where initial weights come from; None for fresh ones, or where their file says it."""


class NetworksSettings(Section):
    """The networks of a method."""

    primary: NetworkSettings = Field(default_factory=NetworkSettings)
    """The network that is deployed."""
    auxiliary: NetworkSettings | None = None
    """Second network of cmpl, votes; None: the primary at a quarter of width, twice the rate."""
    temporal: NetworkSettings | None = None
    """Network on the temporal gradient of ltg, timebalance; None takes a twin of the primary."""


class MethodSettings(BaseModel):
    """The method's name; every other key is an argument of its constructor."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    name: str = "cmpl"
    """A name from `semivideo methods`, or module:Class."""

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the method."""
        return dict(self.__pydantic_extra__ or {})


class EngineSettings(Section):
    """The loop and the optimiser."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"optimizer", "class_weights", "label_smoothing", "mixup", "cutmix", "accumulate"}
    )

    steps: int | None = Field(None, ge=1, le=1_000_000_000)
    """Number of iterations; None computes it from epochs."""
    epochs: float = Field(200, gt=0, le=1_000_000)
    """Passes over epoch_of's videos, used where steps is None."""
    epoch_of: Literal["unlabeled", "labeled"] = "unlabeled"
    """Which stream an epoch counts."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """sgd: as in the papers; adamw: for tuning pretrained networks."""
    learning_rate: float = Field(0.1, gt=0)
    """Peak learning rate of all that has none of its own (networks.primary.rates)."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """SGD's, without Nesterov; of AdamW the first beta, whose second is 0.999."""
    weight_decay: float = Field(1e-4, ge=0, le=1000)
    """L2 on every parameter, as in the papers; of AdamW the decoupled decay (usual: 0.05)."""
    decay_exempt: list[Literal["norm", "bias", "head"]] = Field(default_factory=list)
    """Kinds of parameters without weight decay."""
    warmup: float = Field(0.0, ge=0, le=1)
    """Share of the steps over which the learning rate rises linearly from a tenth; then cosine."""
    clip_gradient: float | None = Field(None, gt=0)
    """Largest gradient norm; None for no clipping."""
    ema: float | None = Field(None, ge=0, lt=1)
    """Decay of an average of the deployed network's weights that is deployed instead."""
    class_weights: Literal["none", "frequency"] = "none"
    """frequency: labels of rare classes count more, those of each class the same in all."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of a label that is spread evenly over all classes; of labelled clips alone."""
    mixup: float = Field(0.0, ge=0)
    """Labelled clips are blended by shares from Beta(mixup, mixup); 0 for none, 0.2 to 0.8."""
    cutmix: float = Field(0.0, ge=0)
    """Labelled clips get a box of another, its share from Beta(cutmix, cutmix); 0 for none."""
    accumulate: int = Field(1, ge=1)
    """Parts of a step's clips that are computed in turn, to save memory; divides both batches."""
    precise_bn: int = Field(0, ge=0)
    """Steps of the training stream over which batch statistics are recomputed at the end."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: bf16 where the processor has it, else fp32."""
    channels_last: bool = True
    """Memory format channels_last_3d."""
    factorized: bool = False
    """Compute convolutions along space or time alone as 2D ones: equal results, maybe faster."""
    compile: Literal["default", "reduce-overhead"] | None = None
    """torch.compile for the networks; reduce-overhead adds CUDA graphs; None for no compiling."""
    deterministic: bool = True
    """Repeatable convolutions on a GPU; off lets cuDNN try out which ones are fastest."""
    checkpoint_activations: bool = False
    """Keep the inputs of residual blocks only and compute the rest twice: less memory, slower."""
    weak_graph: bool = True
    """Weak views share a forward with the others; off saves their memory, changes statistics."""
    seed: Seed = 0
    """Everything random is a function of it and the step."""
    checkpoint_minutes: float = Field(10.0, gt=0)
    """Minutes between checkpoints; there is one at the end and one at Ctrl-C or SIGTERM too."""
    checkpoint_every: int | None = Field(None, ge=1)
    """Steps between checkpoints, instead of minutes; None goes by the clock."""
    keep_checkpoints: int = Field(2, ge=1)
    """How many of the last checkpoints stay."""
    log_every: int = Field(20, ge=1)
    """Steps between lines of metrics.jsonl."""
    evaluate_every: int | None = Field(None, ge=1)
    """Steps between quick evaluations (1 clip x 1 crop) for the log; None for none."""
    tensorboard: bool = True
    """Whether metrics are also written for TensorBoard, where it is installed (its extra)."""
    estimate: int = Field(1, ge=0, le=3)
    """Thirds of the labels to test first in short trainings, where no videos are for testing."""
    check_memory: bool = True
    """Refuse a step that does not fit into memory before the first one; off tries it."""


class EvaluationSettings(Section):
    """How a video's score is made from views."""

    num_clips: int = Field(10, ge=1, le=9999)
    """Clips spread uniformly over the video."""
    num_crops: Literal[1, 3] = 3
    """1: centre; 3: along the longer side."""
    crop_size: int | None = Field(None, ge=8, le=4096)
    """Side of the crop; None: crop_size * weak_scale of the views (256 for 224)."""
    scale: float = Field(1.0, ge=1, le=16)
    """Short side before the crop, as a multiple of the crop; 1 covers the whole short side."""
    average: Literal["probabilities", "logits"] = "probabilities"
    """What is averaged over the views."""
    batch_clips: int = Field(16, ge=1, le=65_536)
    """Views per forward pass; scores do not depend on it."""


class PartSettings(Section):
    """One of several encoders whose features are joined."""

    encoder: str
    """Name of the encoder."""
    weights_sha256: str
    """Digest of its weights."""
    dim: int = Field(ge=1, le=1_000_000)
    """Numbers a step."""
    is_whole: bool = False
    """Whether it says one vector of a whole video, of frames that it chooses itself."""


class FeatureSettings(Section):
    """Where a run learns from features of a pretrained network; they say all but the descriptor."""

    later: ClassVar[frozenset[str]] = frozenset({"is_whole", "parts"})

    encoder: str = ""
    """Name of the encoder."""
    weights_sha256: str = ""
    """Digest of its weights."""
    pretrained_on: str = ""
    """The data it had seen, as published: say it beside every number."""
    licence: str = ""
    """Of its weights, as published."""
    league: League = "image weights"
    """What its weights make of results."""
    dim: int = Field(1, ge=1, le=1_000_000)
    """Numbers a step of the encoder."""
    descriptor: Literal["mean", "motion", "steps"] = "motion"
    """What a head sees: the mean over frames; mean, change and trend; or every step."""
    mirror: bool = False
    """Scores are the mean over a clip and its mirror, as over both cached weak views."""
    is_whole: bool = False
    """Whether the encoder says one vector of a whole video, of frames that it chooses itself."""
    parts: list[PartSettings] = Field(default_factory=list, max_length=64)
    """The encoders, where features of several are joined."""


class ModelCard(Section):
    """What ``model/card.json`` says: how to rebuild the network and what to feed it."""

    format: Literal[1] = 1
    """Version of this card."""
    network: NetworkSettings
    """The network's name, options and clips."""
    classes: list[str] = Field(min_length=1, max_length=1_000_000)
    """Class names in the order of the logits."""
    data: DataSettings
    """How clips were cut in training; testing follows it."""
    views: ViewSettings
    """How views were made in training; testing takes its sizes and normalisation."""
    evaluation: EvaluationSettings
    """The default test protocol."""
    features: FeatureSettings | None = None
    """The encoder under the network, where it is a head on features."""
    thresholds: list[float] | None = None
    """Probability from which each class is said to be there, where several may be; None: 0.5."""
    method: str
    """The method that trained it."""
    origins: list[WeightsOrigin] = Field(default_factory=list)
    """What all weights that its training began with had seen; empty for training from scratch."""
    weights_sha256: str
    """Digest of model.safetensors; a card and weights that do not belong together are refused."""

    @field_validator("classes")
    @classmethod
    def _each_once(cls, given: list[str]) -> list[str]:
        """Refuse classes that could not be told apart."""
        for name, number in Counter(given).items():
            if number > 1:
                raise ValueError(f"has {name!r} {number} times; name each class once")
        return given

    @field_validator("thresholds")
    @classmethod
    def _one_a_class(cls, given: list[float] | None, info: ValidationInfo) -> list[float] | None:
        """Refuse thresholds that are not one a class."""
        classes = info.data.get("classes")  # not there where they are refused themselves
        if given is not None and classes is not None and len(given) != len(classes):
            raise ValueError(f"has {len(given)} numbers for {len(classes)} classes; give each one")
        return given

    @property
    def league(self) -> League:
        """What those weights make of results."""
        return league_of(self.origins)


class Settings(Section):
    """Everything that defines a run, next to the videos and the split."""

    later: ClassVar[frozenset[str]] = frozenset({"features", "teacher_origin"})

    data: DataSettings = Field(default_factory=DataSettings)
    """Clips and batches."""
    views: ViewSettings = Field(default_factory=ViewSettings)
    """Augmentation."""
    networks: NetworksSettings = NetworksSettings()
    """Networks and their clips."""
    method: MethodSettings = Field(default_factory=MethodSettings)
    """The method and its options."""
    engine: EngineSettings = Field(default_factory=EngineSettings)
    """Loop and optimiser."""
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    """Test views."""
    features: FeatureSettings | None = None
    """The encoder, where the run learns from its features; None for networks that see pixels."""
    teacher_origin: WeightsOrigin | None = None
    """What a teacher of the method (method.teacher) had seen; None where there is none."""

    @property
    def origins(self) -> list[WeightsOrigin]:
        """What the weights that this training begins with had seen; empty from scratch."""
        found: list[WeightsOrigin] = []
        if self.features is not None:
            told = {name: getattr(self.features, name) for name in WeightsOrigin.model_fields}
            found.append(WeightsOrigin(**told))
        networks = self.networks
        for network in (networks.primary, networks.auxiliary, networks.temporal):
            origin = None if network is None else network.origin
            if origin is not None and origin not in found:
                found.append(origin)
        if self.teacher_origin is not None and self.teacher_origin not in found:
            found.append(self.teacher_origin)
        return found

    @property
    def league(self) -> League:
        """What all of that makes of the result."""
        return league_of(self.origins)

    def to_yaml(self) -> str:
        """Return the settings as YAML that ``from_mapping`` accepts."""
        return yaml.safe_dump(self.to_mapping(), sort_keys=False)

    def to_mapping(self) -> dict[str, Any]:
        """Return the settings as ``from_mapping`` accepts them."""
        return self.written()

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> Settings:
        """Check a nested dictionary.

        Raises:
            ConfigError: An unknown key or a value out of range, naming both and what is allowed.
        """
        try:
            return cls.model_validate(mapping)
        except ValidationError as error:
            raise ConfigError(sentence(error, cls)) from None

    def updated(self, assignments: dict[str, Any]) -> Settings:
        """Return a copy with dotted keys set, e.g. ``{"engine.steps": 100}``.

        Keys below ``method``, such as ``method.alignment.weight``, are checked by the method.

        Raises:
            ConfigError: As ``from_mapping``.
        """
        mapping = self.model_dump(mode="json")
        for key, value in assignments.items():
            *path, last = key.split(".")
            if not path:
                raise ConfigError(
                    f"setting {key!r} names no section; write section.key=value with a section of "
                    f"{', '.join(type(self).model_fields)}"
                )
            node = mapping
            for part in path:
                child = node.get(part)
                # Which sections a method has, only its constructor knows.
                is_in_method = path[0] == "method" and node is not mapping
                if child is None and (part in node or is_in_method):
                    child = node[part] = {}
                if not isinstance(child, dict):
                    raise ConfigError(
                        f"no section {part!r} in {key!r}{nearest(part, node)} "
                        f"[allowed: {', '.join(node)}]"
                    )
                node = child
            node[last] = value
        return type(self).from_mapping(mapping)

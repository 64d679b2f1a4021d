"""A network with its preprocessing: videos in, class probabilities out.

    file or row -> clips, uint8 -> test crops -> network -> softmax -> mean over clips x crops

The views of all videos form one stream that is cut into batches of a fixed size, whichever video
they belong to; in evaluation mode a view's score does not depend on its neighbours. A
batch is bounded by its bytes too, for the sizes of a card are anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from semivideo.base.devices import is_out_of_memory
from semivideo.base.errors import CheckpointError, ConfigError, DeviceError, option
from semivideo.base.records import ClipSpec
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.segments import looked_at
from semivideo.data.clips.clip_reader import ClipReader, StoredFrames, testing_clips
from semivideo.data.video.decode import Image
from semivideo.evaluation.metrics import Scores
from semivideo.evaluation.protocols import crop_side, protocol_name, with_protocol
from semivideo.features.deployed import with_encoder
from semivideo.features.several.parts_network import OnParts, PartsReader, Shown
from semivideo.models.weights import load_network
from semivideo.settings import Decoder, EvaluationSettings, ModelCard
from semivideo.transforms import Views

STREAM = "primary"
"""What the deployed network's clips are called."""
Precision = Literal["fp32", "bf16", "fp16"]
_BATCH_BYTES = 2**28  # of the views of one forward pass, which takes many times as much
_VIEW_BYTES = 2**32  # of one view; 64 frames of 1024 x 1024 pixels are a fifth of it
_DTYPE = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True, repr=False)
class Prediction:
    """The most probable classes of one video.

    Attributes:
        path: The file, or the segment of one.
        classes: Class names, the most probable first.
        probabilities: Probability of each, in [0, 1].
    """

    path: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __repr__(self) -> str:
        pairs = zip(self.classes, self.probabilities, strict=True)
        words = ", ".join(f"{name} {100 * share:.1f} %" for name, share in pairs)
        return f"<Prediction {self.path}: {words}>"


class Recognizer:
    """Scores videos with one network, in the way its card says.

    Args:
        network: Maps clips to logits; left on its device, and in its mode (training or
            evaluation) after each call.
        card: What the network wants to see, and its classes.
        precision: What forward passes compute in; fp32 gives the same scores for any batch size
            up to rounding, bf16 is faster where the processor has it.
        decoder: Who decodes video files; "hardware" needs a GPU and TorchCodec.

    Attributes:
        network: The network.
        card: The card.
        precision: As given.
        decoder: As given.
    """

    def __init__(
        self,
        network: nn.Module,
        card: ModelCard,
        *,
        precision: Precision = "fp32",
        decoder: Decoder = "software",
    ) -> None:
        self.network = network
        self.card = card
        self.precision = precision
        self.decoder = decoder
        self._data = card.data.model_copy(update={"decoder": decoder})
        seen = card.network
        self.clip = ClipSpec(seen.num_frames, seen.stride_frames, modality=seen.modality)
        self._views = Views(card.views)

    def __repr__(self) -> str:
        network = self.card.network
        return (
            f"<Recognizer {network.name} {network.num_frames}x{network.stride_frames}, trained by "
            f"{self.card.method}, {len(self.card.classes)} classes, {self.precision}>"
        )

    def require_clips(self) -> None:
        """Refuse a network that does not look at clips, where clips are what is wanted.

        Raises:
            ConfigError: It looks at whole videos.
        """
        if isinstance(self.network, OnParts):
            raise ConfigError(
                f"a network on {self.network.settings.encoder} looks at whole videos, and clips of "
                "them are wanted here; take one on features of efficientnet_lite0"
            )

    def reader(self, manifest: Manifest, *, store: StoredFrames | None = None) -> ClipReader:
        """Return a reader of the clips that the network wants, if it is one of clips.

        Args:
            manifest: The videos.
            store: Decoded frames by row of the manifest, to take instead of the files.

        Raises:
            ConfigError: The network looks at whole videos.
        """
        self.require_clips()
        return ClipReader(manifest, {STREAM: self.clip}, settings=self._data, store=store)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str | torch.device | None = None,
        precision: Precision = "fp32",
        decoder: Decoder = "software",
    ) -> Recognizer:
        """Load a saved network.

        Args:
            folder: Such as ``RUN/model``.
            device: Where to compute; None takes an accelerator if there is one, else the CPU.
            precision: As for the class.
            decoder: As for the class.

        Raises:
            CheckpointError: The folder holds no usable network.
        """
        network: nn.Module
        network, card = load_network(Path(folder))
        if card.features is not None:
            network = with_encoder(
                network,
                card.features,
                several=card.data.multi_label,
                num_frames=card.network.num_frames,
                folder=Path(folder),
            )
        if device is None:
            device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
        return cls(network.to(device), card, precision=precision, decoder=decoder)

    def predict(
        self,
        path: str | Path,
        top: int = 5,
        *,
        protocol: str | None = None,
        frame_rate: float | None = None,
    ) -> Prediction:
        """Name the classes of a video file: any container, length and rotation.

        Args:
            path: The file; a segment of it is named like ``a.mp4#12.5-15.9``, in seconds.
            top: How many classes to name, >= 1; at most all of them.
            protocol: Clips x crops, such as "10x3"; None takes the card's.
            frame_rate: Frames a second of a folder of frames, > 0; None for 25.

        Raises:
            DataError: The file cannot be read.
            ConfigError: ``protocol`` or ``top`` is not allowed.
        """
        if top < 1:
            raise ConfigError(f"top must be at least 1, got {top}; it is how many classes to name")
        scores_K = torch.from_numpy(self.scores(path, protocol=protocol, frame_rate=frame_rate))
        best = scores_K.topk(min(top, len(scores_K)))
        return Prediction(
            path=str(path),
            classes=tuple(self.card.classes[number] for number in best.indices.tolist()),
            probabilities=tuple(best.values.tolist()),
        )

    def scores(
        self, path: str | Path, *, protocol: str | None = None, frame_rate: float | None = None
    ) -> Scores:
        """Return the probability of each class for a video file: float32 (K,).

        Args:
            path: As for ``predict``.
            protocol: As for ``predict``.
            frame_rate: As for ``predict``.

        Raises:
            DataError: The file cannot be read.
            ConfigError: ``protocol`` is not allowed.
        """
        settings = self.protocol(protocol)
        file, video = looked_at(Path(path), frame_rate=frame_rate)
        if isinstance(self.network, OnParts):
            shown = self.network.shown_of_file(file, video, decoder=self.decoder)
            (scores_K,) = self.scores_of_shown([shown], settings=settings)
            return scores_K
        clips = testing_clips(
            file, video, spec=self.clip, settings=self._data, num_clips=settings.num_clips
        )
        (scores_K,) = self.scores_of_clips([clips], settings=settings)
        return scores_K

    def protocol(self, protocol: str | None) -> EvaluationSettings:
        """Return the settings of a protocol, None for the card's.

        Raises:
            ConfigError: It is not allowed, or its views are too large.
        """
        settings = with_protocol(self.card.evaluation, protocol)
        if isinstance(self.network, OnParts) and settings.num_clips * settings.num_crops > 1:
            raise ConfigError(
                f"this network looks at a whole video at once, so {protocol_name(settings)} clips "
                f"x crops are not to be had; leave out {option('protocol')}"
            )
        if not isinstance(self.network, OnParts):
            self._views_at_once(settings)  # before anything is read
        return settings

    def shown(self, manifest: Manifest) -> Callable[[int, int], Image | Shown]:
        """Return what reads the videos of a manifest for ``scores_of_shown``.

        Args:
            manifest: The videos.

        Returns:
            Called with a row and a number of clips.
        """
        if isinstance(self.network, OnParts):
            parts = PartsReader(self.network, manifest, decoder=self.decoder)
            return lambda row, num_clips: parts.testing(row)
        reader = self.reader(manifest)
        return lambda row, num_clips: reader.testing(row, num_clips=num_clips, stream=STREAM)

    def scores_of_shown(
        self, shown: Iterable[Image | Shown], *, settings: EvaluationSettings
    ) -> Iterator[Scores]:
        """Score videos by whatever the network wants to be shown of them.

        Args:
            shown: As ``shown`` reads it.
            settings: The protocol.

        Yields:
            For each video float32 (K,).

        Raises:
            CheckpointError: The network gives scores that are not finite.
        """
        if not isinstance(self.network, OnParts):
            yield from self.scores_of_clips(cast("Iterable[Image]", shown), settings=settings)
            return
        for each in shown:
            with _evaluating(self.network), torch.no_grad():
                logits_1K = self.network(each).float().cpu()
            yield self._averaged(logits_1K, settings)

    def scores_of_clips(
        self, clips: Iterable[Image], *, settings: EvaluationSettings | None = None
    ) -> Iterator[Scores]:
        """Score videos from their clips, as they come.

        Args:
            clips: For each video uint8 (num_clips, T, C, H, W); H and W may differ between videos.
            settings: The protocol, the average and the batch size; None takes the card's.

        Yields:
            For each video float32 (K,): the mean over its views of the probabilities (or the
            softmax of the mean of the logits, where the settings say so).

        Raises:
            CheckpointError: The network gives scores that are not finite.
            ConfigError: A view is too large.
            DeviceError: The network runs out of memory.
        """
        settings = settings or self.card.evaluation
        views_of_video = settings.num_clips * settings.num_crops
        batches = _regrouped(self._crops(clips, settings), self._views_at_once(settings))
        logits = (self._logits(views) for views in batches)
        for logits_VK in _regrouped(logits, views_of_video):
            yield self._averaged(logits_VK, settings)

    def scores_of_windows(self, clips: Iterable[Image]) -> Iterator[Scores]:
        """Score windows of a long video, one view each.

        Args:
            clips: For each window uint8 (1, T, C, H, W), C as in ``records.Clips``.

        Yields:
            For each window float32 (K,).

        Raises:
            CheckpointError: The network gives scores that are not finite.
        """
        return self.scores_of_clips(clips, settings=self._one_view)

    def windows_crops(self, clips: Iterable[Image]) -> Iterator[Tensor]:
        """Return the views of ``scores_of_windows``: float32 (1, C, T, side, side) each."""
        return self._crops(clips, self._one_view)

    @property
    def _one_view(self) -> EvaluationSettings:
        return self.card.evaluation.model_copy(update={"num_clips": 1, "num_crops": 1})

    def shares(self, logits_NK: Tensor) -> Tensor:
        """Map logits (N, K) to probabilities: of one class, or of each class by itself."""
        is_several = self.card.data.multi_label
        return logits_NK.sigmoid() if is_several else logits_NK.softmax(dim=1)

    def require_finite(self, scores: Tensor) -> None:
        """Refuse scores of broken weights.

        Raises:
            CheckpointError: Some are not finite.
        """
        if not scores.isfinite().all():
            raise CheckpointError(
                f"the network gives scores that are not finite, computed in {self.precision}; "
                "its weights are broken: take an earlier checkpoint"
                + ("" if self.precision == "fp32" else ", or evaluate in fp32")
            )

    def _crops(self, clips: Iterable[Image], settings: EvaluationSettings) -> Iterator[Tensor]:
        """Test crops (few, C, T, side, side) of one video after the other, on the device."""
        device = next(self.network.parameters()).device
        side = crop_side(settings, self.card.views)
        # All views of a long protocol at once may be gigabytes: cut as many clips as a batch needs.
        num_clips = max(1, self._views_at_once(settings) // settings.num_crops)
        for video in clips:
            if len(video) != settings.num_clips:
                raise ValueError(f"expected {settings.num_clips} clips a video, got {len(video)}")
            for start in range(0, len(video), num_clips):
                frames = torch.from_numpy(video[start : start + num_clips])
                size = torch.tensor(frames.shape[-2:]).repeat(len(frames), 1)
                crops = self._views.test_crops(
                    frames.to(device),
                    size,
                    num_crops=settings.num_crops,
                    crop_size=side,
                    scale=settings.scale,
                )
                yield crops.flatten(0, 1)

    def _views_at_once(self, settings: EvaluationSettings) -> int:
        """Views of a forward pass: as many as are set, as long as their bytes are few enough."""
        num_frames, side = self.card.network.num_frames, crop_side(settings, self.card.views)
        num_bytes = 4 * 3 * num_frames * side**2
        if num_bytes > _VIEW_BYTES:
            raise ConfigError(
                f"a view of {num_frames} frames of {side} x {side} pixels takes "
                f"{num_bytes / 1e9:.1f} GB, and at most {_VIEW_BYTES / 1e9:.1f} GB are used; lower "
                "network.num_frames, evaluation.crop_size or views.crop_size"
            )
        return max(1, min(settings.batch_clips, _BATCH_BYTES // num_bytes))

    def _logits(self, views_NCTHW: Tensor) -> Tensor:
        """Float32 (N, K) of one batch, on the CPU."""
        device = views_NCTHW.device.type
        enabled = self.precision != "fp32"
        views_NCTHW = views_NCTHW.contiguous(memory_format=torch.channels_last_3d)
        with (
            self._sentence_for_memory(views_NCTHW),
            _evaluating(self.network),
            torch.no_grad(),
            torch.autocast(device, dtype=_DTYPE[self.precision], enabled=enabled),
        ):
            logits: Tensor = self.network(views_NCTHW)
            return logits.float().cpu()

    @contextmanager
    def _sentence_for_memory(self, views_NCTHW: Tensor) -> Iterator[None]:
        """A forward pass that runs out of memory ends in a sentence."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            N, _, T, side, _ = views_NCTHW.shape
            raise DeviceError(
                f"{self.card.network.name} has not enough memory for {N} views of {T} frames of "
                f"{side} x {side} pixels ({views_NCTHW.nbytes / 1e9:.1f} GB without what it "
                "computes); lower evaluation.batch_clips, evaluation.crop_size or num_frames"
            ) from None

    def _averaged(self, logits_VK: Tensor, settings: EvaluationSettings) -> Scores:
        """One video's probabilities from the logits of its views."""
        self.require_finite(logits_VK)
        if settings.average == "logits":
            average_K = self.shares(logits_VK.mean(dim=0, keepdim=True))[0]
        else:
            average_K = self.shares(logits_VK).mean(dim=0)
        scores_K: Scores = average_K.numpy()
        return scores_K


def _regrouped(parts: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """Cut a stream of rows into parts of ``size`` rows; the last one may be smaller."""
    waiting: Tensor | None = None
    for part in parts:
        rest = part if waiting is None else torch.cat([waiting, part])
        while len(rest) >= size:
            yield rest[:size]
            rest = rest[size:]
        waiting = rest if len(rest) else None
    if waiting is not None:
        yield waiting


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode, and each of its modules back into its own mode after."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True

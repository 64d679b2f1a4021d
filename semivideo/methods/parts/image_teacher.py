"""An image classifier as teacher: a module that is asked at each step, or a file of its answers.

Neither is part of the method's state: what a teacher knows comes from outside, at each start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.foreign_code import imported
from semivideo.methods.parts.image_logits import read_image_logits
from semivideo.models.efficientnet_lite import (
    MEAN,
    STD,
    EfficientNetLite0,
    published_file,
    read_published,
)

PUBLISHED = "efficientnet_lite0"
_SIDE = 160  # of the images it is asked about, in pixels


class ImageTeacher(ABC):
    """Gives the class probabilities of an image classifier for clips.

    Attributes:
        num_classes: K of the classifier.
    """

    num_classes: int

    @abstractmethod
    def __call__(self, video_N: Tensor, images_NCHW: Tensor) -> Tensor:
        """Return probabilities (N, K) in float32, without a graph, on the images' device.

        Args:
            video_N: int64 (N,), numbers of the videos.
            images_NCHW: float (N, 3, H, W), a normalised frame of each.
        """

    @abstractmethod
    def prepare(self, videos: Sequence[str]) -> None:
        """Learn the ids of the videos by number."""


def image_teacher(
    name: str, *, num_classes: int, levels: tuple[Sequence[float], Sequence[float]] | None = None
) -> ImageTeacher:
    """Find a teacher by name.

    Args:
        name: A file of logits, ``PATH.npz``; ``module:attribute``: an ``nn.Module``, or what
            returns one when it is called; ``efficientnet_lite0``, by ImageNet's classes; or
            ``encoder``, see ``EncoderTeacher``.
        num_classes: K of the classifier.
        levels: Mean and deviation by channel that frames are normalised with; only for
            ``efficientnet_lite0``, which undoes that.

    Raises:
        ConfigError: It is none of these, or cannot be imported.
        MissingExtraError: The weights of ``efficientnet_lite0`` are not installed.
    """
    if name == PUBLISHED and levels is not None:
        return AskedTeacher(PublishedClassifier(*levels), num_classes=num_classes)
    if name.endswith(".npz"):
        return CachedTeacher(Path(name), num_classes=num_classes)
    if name == "encoder":
        return EncoderTeacher(num_classes=num_classes)
    if ":" in name:
        return AskedTeacher(_imported(name), num_classes=num_classes)
    raise ConfigError(
        f"method.teacher = {name!r} is neither a file of image logits nor a module; write "
        f"{PUBLISHED}, PATH.npz, module:attribute or, on features, encoder"
    )


class CachedTeacher(ImageTeacher):
    """The rows of a file: one answer a video, whatever clip of it is shown.

    Args:
        path: The file, see ``image_logits``; read by ``prepare``.
        num_classes: K that its logits must have.
    """

    def __init__(self, path: Path, *, num_classes: int) -> None:
        self.num_classes = num_classes
        self._path = path
        self._logits_VK = torch.empty(0, num_classes)

    def prepare(self, videos: Sequence[str]) -> None:
        """Read the file.

        Raises:
            DataError: The file does not fit these videos, or has another number of classes.
        """
        self._logits_VK = torch.from_numpy(read_image_logits(self._path, videos))
        found = self._logits_VK.shape[1]
        if found != self.num_classes:
            raise DataError(
                f"{self._path} has logits of {found} classes, method.image_classes is "
                f"{self.num_classes}; set it to {found} or take another file",
                path=str(self._path),
            )

    def __call__(self, video_N: Tensor, images_NCHW: Tensor) -> Tensor:
        """Look the videos up; the images are not looked at."""
        # The table stays on the CPU: of a large data set it would fill an accelerator.
        rows_NK = self._logits_VK[video_N.cpu()].to(images_NCHW.device)
        return rows_NK.float().softmax(dim=1)


class EncoderTeacher(ImageTeacher):
    """The image network whose features are trained on, by the classes it was pretrained for.

    Args:
        num_classes: K that it must have.

    Attributes:
        logits_VK: One answer a video; set by who has the features, before ``prepare``.
    """

    def __init__(self, *, num_classes: int) -> None:
        self.num_classes = num_classes
        self.logits_VK: Tensor | None = None

    def prepare(self, videos: Sequence[str]) -> None:
        """Refuse to teach of videos.

        Raises:
            ConfigError: There are no features, or the encoder has another number of classes.
        """
        if self.logits_VK is None:
            raise ConfigError(
                "method.teacher = encoder asks the network whose features are trained on, and "
                "these are videos; name PATH.npz or module:attribute"
            )
        found = self.logits_VK.shape[1]
        if found != self.num_classes:
            raise ConfigError(
                f"the encoder has {found} classes, method.image_classes is {self.num_classes}; "
                f"set it to {found}"
            )

    def __call__(self, video_N: Tensor, images_NCHW: Tensor) -> Tensor:
        """Look the videos up; the images are not looked at."""
        assert self.logits_VK is not None
        rows_NK = self.logits_VK[video_N.cpu()].to(images_NCHW.device)
        return rows_NK.float().softmax(dim=1)


class AskedTeacher(ImageTeacher):
    """An image classifier in evaluation mode, asked about each frame.

    Args:
        classifier: Maps images (N, 3, H, W) to logits (N, K); its parameters are frozen.
        num_classes: K that its logits must have.
    """

    def __init__(self, classifier: nn.Module, *, num_classes: int) -> None:
        self.num_classes = num_classes
        self._classifier = classifier.eval().requires_grad_(False)

    def prepare(self, videos: Sequence[str]) -> None:
        """Do nothing: it answers by what it sees."""

    @torch.no_grad()
    def __call__(self, video_N: Tensor, images_NCHW: Tensor) -> Tensor:
        """Ask about the images; the videos' numbers are not looked at."""
        logits_NK: Tensor = self._classifier.to(images_NCHW.device)(images_NCHW)
        wanted = (len(images_NCHW), self.num_classes)
        if logits_NK.shape != wanted:
            raise ConfigError(
                f"method.teacher gives {tuple(logits_NK.shape)} for {wanted[0]} images, wanted "
                f"are logits {wanted}; set method.image_classes to its number of classes"
            )
        return logits_NK.float().softmax(dim=1)


class PublishedClassifier(nn.Module):
    """EfficientNet-Lite0 with ImageNet's weights and classes, asked about frames of our views.

    Args:
        mean: What was subtracted from frames in [0, 1], by channel.
        std: What they were divided by.

    Raises:
        MissingExtraError: The package with the weights is not installed.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        weights = read_published(published_file())
        self.network = EfficientNetLite0(len(weights["classifier.bias"]))
        self.network.load_state_dict(self.network.state_dict() | weights)
        self.mean = torch.tensor(mean).view(3, 1, 1)
        self.std = torch.tensor(std).view(3, 1, 1)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """Map normalised frames (N, 3, H, W) to logits (N, 1000); small ones are enlarged."""
        device = images_NCHW.device
        levels = images_NCHW.float() * self.std.to(device) + self.mean.to(device)
        images = interpolate((levels - MEAN) / STD, size=_SIDE, mode="bilinear", antialias=True)
        features_ND = self.network.features(images[:, :, None])
        return self.network.classify(features_ND)


def _imported(name: str) -> nn.Module:
    """The module at ``module:attribute``, called once if it is not one itself."""
    try:
        found = imported(name)
    except ImportError as error:
        raise ConfigError(
            f"cannot import method.teacher {name!r}: {error}; is it on PYTHONPATH?"
        ) from None
    if not isinstance(found, nn.Module) and callable(found):
        found = found()
    if not isinstance(found, nn.Module):
        raise ConfigError(
            f"method.teacher {name!r} is a {type(found).__name__}; it must be a torch.nn.Module "
            "or return one when it is called without arguments"
        )
    return found

"""Votes: several networks vote on each unlabelled video, and a student learns the votes.

Zhang et al. 2025 (arXiv 2503.09707) do so with image networks that were tuned in several ways; for
video nobody has published it. In the first half of the steps voters learn the labels alone. Then
each votes once a video, and in the second half the student learns how many votes each class got.

    first   L = 1/B sum_i (H(y_i, F(x_i)) + sum_v b_vi H(y_i, F_v(x_i)))
    between n_ik = number of voters v with k = argmax F_v(w(u_i));  q_i = softmax(n_i / temperature)
    then    L_s = 1/B sum_i H(y_i, F(x_i))
            L_u = 1/U sum_i (KL(q_i || softmax(F(w(u_i)))) + KL(q_i || softmax(F(s(u_i)))))
            L   = L_s + weight L_u

Voters are F itself, the auxiliary network, a copy of F for each block of the features (the
encoders that they were joined of, or the parts of a descriptor), ``copies`` more, and files of what
other networks say. b_vi = 1 but for the copies, which see the labels as in a Bayesian bootstrap:
b_vi is exponential with mean 1, drawn once for each video. F starts anew after the votes.

The decision that is easy to get wrong: a vote is a class, not a probability. Networks that say all
with certainty do not outvote careful ones. The labelled term in the second half is ours.
Shapes: x (B, C, T, H, W), u_w and u_s (U, C, T, H, W), logits (., K), n and q (., K).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, one_hot

from semivideo.base.checked import Weight
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.randomness import uniform
from semivideo.base.records import Batch, Clips, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.methods.parts.asked_once import asked_once, untouched
from semivideo.methods.parts.image_logits import read_image_logits
from semivideo.models.contract import Network
from semivideo.models.heads import Head
from semivideo.objectives import ConfidentLabels, divergence
from semivideo.transforms import Views

Count = Annotated[int, Field(ge=0, le=100)]
Blocks = Literal["encoders"] | Annotated[int, Field(ge=0)] | tuple[Annotated[int, Field(ge=1)], ...]


class Votes(Method):
    """A student of what several networks vote for.

    Args:
        primary: F, voter and student.
        auxiliary: A voter of another kind; on features a head with a hidden layer, say.
        clips: The clips of the streams "primary" and "auxiliary".
        weight: Weight of L_u, >= 0; at 0 this is supervised training.
        temperature: Of the softmax over numbers of votes, > 0; the paper's is 1.
        copies: Further voters like F, each on labelled videos weighed at random.
        blocks: On features, sizes of the blocks of a step's numbers, each of which gets a voter
            like F that sees this block alone; a number for so many equal ones, 0 for none;
            "encoders" for those of joined features. A descriptor ``motion`` has 3: mean, change,
            later minus earlier.
        files: Files of what other networks say of the videos (``parts.image_logits``), each of
            which is a voter; logits of the classes in the manifest's order.
        reinitialize: Whether F starts anew after the votes instead of from its own last weights.

    Raises:
        ConfigError: Blocks that are not those of the features.
    """

    needs_strong = True
    passes = Passes(labeled=1, unlabeled=2, of=("primary",))
    votes: Tensor
    told: Tensor
    counts_as: Tensor  # b (V, copies)

    def __init__(
        self,
        primary: Network,
        auxiliary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        weight: Weight = 1.0,
        temperature: Annotated[float, Field(gt=0)] = 1.0,
        copies: Count = 1,
        blocks: Blocks = 0,
        files: tuple[Path, ...] = (),
        reinitialize: bool = True,
    ) -> None:
        super().__init__()
        self.primary, self.auxiliary = primary, auxiliary
        self.views, self.clips = views, clips
        self.blocks = sizes_of_blocks(blocks, primary)
        self.copies = nn.ModuleList(copy.deepcopy(primary) for _ in range(copies))
        self.of_blocks = nn.ModuleList(copy.deepcopy(primary) for _ in self.blocks)
        self.initial = copy.deepcopy(primary).requires_grad_(False) if reinitialize else None
        self.weight, self.temperature, self.files = weight, temperature, files
        self.num_voters = 2 + copies + len(self.blocks) + len(files)
        self.num_rounds = 2 if weight > 0 else 1
        self.num_selections = 0

    def prepare(self, videos: Sequence[str]) -> None:
        """Make room for the votes on all videos, and read those of the files.

        Raises:
            DataError: A file does not fit these videos or has another number of classes.
        """
        V, K = len(videos), self.primary.num_classes
        self.register_buffer("votes", torch.zeros(V, K, dtype=torch.uint8))
        told = torch.zeros(V, K, dtype=torch.uint8)
        for path in self.files:
            logits = torch.from_numpy(read_image_logits(path, videos))
            if logits.shape[1] != K:
                raise DataError(
                    f"{path} has logits of {logits.shape[1]} classes, and the videos have {K}; a "
                    "file that votes has a column for each class, in the manifest's order",
                    path=str(path),
                )
            told += one_hot(logits.argmax(dim=1), K).to(torch.uint8)
        self.register_buffer("told", told, persistent=False)
        drawn = uniform(range(V), "bootstrap", size=len(self.copies))
        self.register_buffer("counts_as", -torch.from_numpy(1 - drawn).log(), persistent=False)

    def forward(self, batch: Batch) -> StepResult:
        """Return L of the half of the training that it is."""
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        if self.num_selections == 0:
            return self._first(batch, x)
        u = unlabeled(batch)
        u_w, u_s = self.views.weak(u, "primary"), self.views.strong(u, "primary")

        F_x, F_w, F_s = jointly(self.primary, labeled=x, weak=u_w, strong=u_s)
        n = self.votes[u.video].to(F_w.dtype)
        q = (n / self.temperature).softmax(dim=1)
        L_s = cross_entropy(F_x, y)
        L_u = divergence(q, F_w) + divergence(q, F_s)
        voters = (self.auxiliary, self.copies, self.of_blocks)

        most, label = n.max(dim=1)
        labels = ConfidentLabels(label, most / self.num_voters, most > 0)
        return StepResult(
            loss=L_s + self.weight * L_u + untouched(p for v in voters for p in v.parameters()),
            terms={"L_s": L_s.detach(), "L_u": L_u.detach()},
            pseudo=(logged("votes", u, labels),),
        )

    def _first(self, batch: Batch, x: Tensor) -> StepResult:
        """Return the loss of all voters on the labels."""
        y, video = batch.labeled.label, batch.labeled.video
        x_a = self.views.standard(batch.labeled, "auxiliary")
        z = {"L_s": self.primary(x), "L_s^A": self.auxiliary(x_a)}
        z |= {f"L_s^block{k}": v for k, v in enumerate(self._by_blocks(x))}
        losses = {name: cross_entropy(logits.float(), y) for name, logits in z.items()}
        b = self.counts_as[video].to(x.dtype)
        for v, voter in enumerate(self.copies):
            H = cross_entropy(voter(x).float(), y, reduction="none")
            losses[f"L_s^copy{v}"] = (b[:, v] * H).mean()
        return StepResult(
            loss=torch.stack(list(losses.values())).sum(),
            terms={name: loss.detach() for name, loss in losses.items()},
        )

    def _by_blocks(self, clip: Tensor) -> list[Tensor]:
        """Logits of the voters that see one block of (N, D, T, 1, 1) alone, of unit length."""
        found, start = [], 0
        for size, voter in zip(self.blocks, self.of_blocks, strict=True):
            seen = torch.zeros_like(clip)
            seen[:, start : start + size] = normalize(clip[:, start : start + size], dim=1)
            found.append(voter(seen))
            start += size
        return found

    def start_round(self, batches: Iterable[Batch]) -> None:
        """Let every voter vote once a video, then start the student anew."""
        self.num_selections += 1
        self.eval()
        video, n = asked_once(self._counted, (unlabeled(batch) for batch in batches))
        self.votes.zero_()[video] = n + self.told[video]
        if self.initial is not None:
            self.primary.load_state_dict(self.initial.state_dict())

    def _counted(self, u: Clips) -> Tensor:
        """Votes (U, K) of the networks on weak views."""
        w = self.views.weak(u, "primary")
        logits = [self.primary(w), self.auxiliary(self.views.weak(u, "auxiliary"))]
        logits += [*(voter(w) for voter in self.copies), *self._by_blocks(w)]
        K = self.primary.num_classes
        chosen = torch.stack([one_hot(z.argmax(dim=1), K) for z in logits])
        return chosen.sum(dim=0).to(torch.uint8)

    def get_extra_state(self) -> Tensor:
        """Return the number of times that was voted, as part of the state dict."""
        return torch.tensor(self.num_selections)

    def set_extra_state(self, state: Tensor) -> None:
        """Take over the number of times that was voted."""
        self.num_selections = int(state)

    @property
    def deployed(self) -> Network:
        """The student."""
        return self.primary


def sizes_of_blocks(blocks: Blocks, network: Network) -> tuple[int, ...]:
    """Return the size of each block of the numbers that a head sees.

    Args:
        blocks: As the method has it.
        network: The head.

    Raises:
        ConfigError: It is no head, or the blocks are not as many numbers as it sees.
    """
    if not blocks:
        return ()
    if not isinstance(network, Head):
        raise ConfigError(
            f"method.blocks = {blocks} divides the numbers of features, and "
            f"{type(network).__name__} sees pixels; leave it out, or take more method.copies"
        )
    D = len(network.standardize.mean)
    if D == 1:  # settings are checked before anybody knows the features
        return (1,)
    if blocks == "encoders":
        parts: Sequence[int] = getattr(network.standardize, "parts", (D,))
        if len(parts) < 2:
            raise ConfigError(
                "method.blocks = encoders is for features of several encoders, joined, and these "
                "are of one; write sizes, or the number of equal blocks (3 of descriptor motion)"
            )
        return tuple(parts)
    sizes = (D // blocks,) * blocks if isinstance(blocks, int) else blocks
    if sum(sizes) != D:
        shown = blocks if isinstance(blocks, int) else list(blocks)
        raise ConfigError(
            f"method.blocks = {shown} is {sum(sizes)} numbers, and the features have {D} a step; "
            f"write sizes that sum up to {D}, or a number that divides it"
        )
    return sizes

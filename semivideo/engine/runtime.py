"""Where training runs: device, precision, processes. The only file that touches Accelerate.

Started plainly there is one process; started by ``torchrun`` or ``accelerate launch`` there are as
many as that says, and each sees its part of every batch.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, gather_object
from torch import Tensor, nn
from torch.optim import Optimizer

from semivideo.base.errors import ConfigError
from semivideo.base.machine.allocator import keep_freed_memory

Precision = Literal["fp32", "bf16", "fp16"]
_AUTOCAST_DTYPE = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Runtime:
    """The machine as the loop sees it; every process of a run makes one.

    Args:
        precision: "auto" takes bf16 where the processor computes with it, else fp32.
        cpu: Stay on the CPU even where there is a GPU.

    Attributes:
        device: Where networks and batches of this process live.
        precision: What forward passes compute in.
        rank: Number of this process, from 0.
        world_size: Number of processes.
        is_main: Whether this process writes the files.

    Raises:
        ConfigError: The processes were started for a kind of distribution that is not supported.
    """

    def __init__(
        self, *, precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto", cpu: bool = False
    ) -> None:
        # Accelerate only starts several processes on a machine without GPU if told of the CPU.
        self._accelerator = Accelerator(
            mixed_precision="no", cpu=cpu or not torch.accelerator.is_available()
        )
        self._refuse_sharding()
        self.device: torch.device = self._accelerator.device
        self.precision: Precision = (
            native_precision(self.device) if precision == "auto" else precision
        )
        self.rank: int = self._accelerator.process_index
        self.world_size: int = self._accelerator.num_processes
        self.is_main: bool = self._accelerator.is_main_process
        # Precision is ours and not Accelerate's, which allows one per interpreter.
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        if self.device.type == "cpu":
            keep_freed_memory()

    def _refuse_sharding(self) -> None:
        """Checkpoints hold whole networks, so sharded ones would be saved in pieces."""
        kind = self._accelerator.distributed_type
        if kind in (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM):
            raise ConfigError(
                f"distribution {kind.value!r} shards networks; allowed: one process, or data "
                "parallel processes; start with torchrun or a plain accelerate configuration"
            )

    def place(self, method: nn.Module, *, channels_last: bool) -> None:
        """Move a method here, in place; its batch statistics span all GPUs of the run.

        Args:
            method: The method with all its networks.
            channels_last: Lay the weights of 3D convolutions out as channels_last_3d.
        """
        method.to(self.device)
        if self.world_size > 1 and self.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(method)  # type: ignore[no-untyped-call]
        if channels_last:
            for parameter in method.parameters():
                if parameter.dim() == 5:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)

    def prepare(self, method: nn.Module) -> nn.Module:
        """Return what the loop calls in place of the method: it averages gradients of processes."""
        prepared: nn.Module = self._accelerator.prepare_model(method)
        return prepared

    @contextmanager
    def averaged(self, prepared: nn.Module, *, now: bool) -> Iterator[None]:
        """Let a backward pass within average gradients over the processes, or leave it to a later.

        Args:
            prepared: What ``prepare`` returned.
            now: False while parts of a step are to come, whose gradients add up.
        """
        with nullcontext() if now else self._accelerator.no_sync(prepared):
            yield

    def autocast(self) -> torch.autocast:
        """Return a context in which forward passes compute in ``precision``."""
        return torch.autocast(
            self.device.type,
            dtype=_AUTOCAST_DTYPE[self.precision],
            enabled=self.precision != "fp32",
        )

    def seed(self, number: int) -> None:
        """Seed the generators that torch draws from on this device, and on the CPU.

        Where there is no accelerator, torch's own function would note the seed for each kind that
        might come to life, with a trace of its caller: half a millisecond a step.
        """
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(number)
        else:
            torch.manual_seed(number)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a scalar to the parameters' gradients."""
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def step(
        self, optimizer: Optimizer, parameters: Iterable[Tensor], *, clip: float | None
    ) -> None:
        """Update the parameters.

        Args:
            optimizer: Over ``parameters``.
            parameters: What has gradients.
            clip: Largest norm of all gradients together; None for no limit.
        """
        if clip is not None:
            self._scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(parameters, clip)
        self._scaler.step(optimizer)
        self._scaler.update()

    def mean(self, tensor: Tensor) -> Tensor:
        """Return the mean of a float tensor (any shape) over the processes, in every process."""
        if self.world_size == 1:
            return tensor
        averaged: Tensor = self._accelerator.reduce(tensor, reduction="mean")
        return averaged

    def anybody(self, *wishes: bool) -> list[bool]:
        """Return whether any process has each wish, the same in every process."""
        if self.world_size == 1:
            return list(wishes)
        own = torch.tensor(wishes, dtype=torch.float32, device=self.device)
        return [share > 0 for share in self.mean(own).tolist()]

    def gather(self, tensor: Tensor) -> Tensor:
        """Return (world_size * N, ...): the tensors (N, ...) of all processes, by rank."""
        gathered: Tensor = self._accelerator.gather(tensor)
        return gathered

    def gather_mapping(self, mapping: dict[Any, Any]) -> dict[Any, Any]:
        """Return the union of the dictionaries of all processes, in every process."""
        if self.world_size == 1:
            return mapping
        return {key: value for part in gather_object([mapping]) for key, value in part.items()}

    def wait_for_all(self) -> None:
        """Return when every process has come here."""
        self._accelerator.wait_for_everyone()

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive a restart: the loss scale of fp16, empty otherwise."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        if state and self.precision == "fp16":
            self._scaler.load_state_dict(state)

    def machine(self) -> str:
        """Return what it runs on, for the record: GPU or CPU cores used, and torch's version."""
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        else:
            threads = torch.get_num_threads()
            name = f"{platform.machine()} CPU, {threads} thread{'s' if threads != 1 else ''}"
        return f"{name}, torch {torch.__version__}"

    def peak_memory_mb(self) -> float:
        """Return the most memory used so far, in MB: of the GPU, or of this process on a CPU."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        if sys.platform == "linux":  # where getrusage counts the program that started this one too
            status = Path("/proc/self/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0]) / 2**10
        if sys.platform == "win32":  # has no such count in the standard library
            return float("nan")
        import resource

        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def native_precision(device: torch.device) -> Precision:
    """Return "bf16" if the processor itself computes with it, not by emulation, else "fp32"."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        native = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    else:
        native = False
    return "bf16" if native else "fp32"

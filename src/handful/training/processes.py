"""Training on several processes, on one machine or many, as `torchrun` starts them.

The first process leads: it reads, plans, validates, writes, and alone says anything. The others are helpers, to which
it hands the training. At every step all draw the same batch, each puts its share of the samples through the net, and
DistributedDataParallel adds the gradients up.

The law (tests): the model is that of one process with the whole batch, to rounding. For that
1. the logits of all shares are brought together and every process computes the loss of the whole batch, since that of
   Dice is no mean over samples; guard and remembered costs see the whole batch too;
2. batch normalisation takes its statistics over all shares, see `SharedBatchNorm2d`;
3. where a clock or a rounding could make processes differ, the first decides.
A net that drops values at random (dropout) draws them in every process for itself, so there the law holds for the
mean alone.

Processes trust each other, as in all of torch.distributed: what the first tells is pickled.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from handful.errors import SettingsError
from handful.machine import count_cores, given_cores
from handful.names import plural

# Helpers wait while the first process reads, validates and scores; if it dies they hear of it at once.
PATIENCE = timedelta(days=1)
NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
START = "Start with: torchrun --nproc-per-node 2 -m handful train ..."


@dataclass
class Crew:
    """The processes of a training, seen from one of them: its number, how many there are, its number on its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    stopped: bool = False  # somebody pressed Ctrl-C
    at_work: bool = False  # in the middle of a training, where all must take part in whatever is sent

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def check(self, device: torch.device, batch: int) -> None:
        """SettingsError where the batch or the GPUs are fewer than the processes."""
        if batch < self.size:
            raise SettingsError(
                f"a batch of {batch} samples cannot be shared by {self.size} processes: start fewer, or give "
                f"--set batch={self.size} or more."
            )
        if device.type == "cuda" and self.local_size > torch.cuda.device_count():
            raise SettingsError(
                f"{self.local_size} processes on a machine with {torch.cuda.device_count()} GPU: each needs its own. "
                "Start fewer (--nproc-per-node), or train on the CPU (--device cpu)."
            )

    def own(self, device_type: str) -> torch.device:
        """The device of this process."""
        if device_type == "cuda":
            torch.cuda.set_device(self.local_rank)
            return torch.device("cuda", self.local_rank)
        return torch.device(device_type)

    def spread(self, net: nn.Module, *, partly_frozen: bool) -> nn.Module:
        """What to call in place of `net` in training, so that all processes have the gradient of the whole batch."""
        if self.size == 1:
            return net
        return DistributedDataParallel(net, find_unused_parameters=partly_frozen)

    def share(self, whole: Tensor) -> Tensor:
        """This process's samples of a batch (B, ...)."""
        first, last = self._spans(len(whole))[self.rank]
        return whole[first:last]

    def join(self, part: Tensor, count: int) -> Tensor:
        """The logits (count, ...) float32 of the whole batch, from those of this process's share."""
        if self.size == 1:
            return part
        joined: Tensor = _Join.apply(part.float(), self._spans(count), self.rank)  # type: ignore[no-untyped-call]
        return joined

    def _spans(self, count: int) -> list[tuple[int, int]]:
        cuts = [count * number // self.size for number in range(self.size + 1)]
        return list(pairwise(cuts))

    def agree(self, *values: float) -> list[float]:
        """The values that the first process has."""
        if self.size == 1:
            return list(values)
        sent = torch.tensor(values, dtype=torch.float64)
        distributed.broadcast(sent, 0)
        return list(sent.tolist())

    def tell(self, thing: Any) -> None:
        """Give `thing` to all helpers, which `hear` it."""
        distributed.broadcast_object_list([thing], 0, device=torch.device("cpu"))

    def hear(self) -> Any:
        """What the first process tells."""
        heard: list[Any] = [None]
        distributed.broadcast_object_list(heard, 0, device=torch.device("cpu"))
        return heard[0]

    def spread_tensors(self, tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
        """Tensors of the first process, on `device`; of the others' only shape and type count (they may be "meta").

        Pickled, 300 images of 400x400 pixels took 9 s, this way 2 s.
        """
        here = [(t if self.leads else torch.empty_like(t, device="cpu")).cpu().contiguous() for t in tensors]
        for one in here:
            distributed.broadcast(one, 0)
        return [one.to(device) for one in here]

    @contextmanager
    def working(self) -> Iterator[None]:
        """A training. Ctrl-C is noted in `stopped`, so that all leave after the same step.

        SettingsError in the first where another is gone.
        """
        if self.size == 1:
            yield
            return
        self.stopped, self.at_work = False, True

        def note(*_: object) -> None:
            self.stopped = True

        main = threading.current_thread() is threading.main_thread()
        before = {kind: signal.signal(kind, note) for kind in (signal.SIGINT, signal.SIGTERM)} if main else {}
        try:
            yield
            self.at_work = False
        except KeyboardInterrupt:  # agreed on
            self.at_work = False
            raise
        except RuntimeError as error:
            if not (self.leads and is_lost(error)):
                raise
            raise SettingsError(
                "training stopped: another of its processes ended, for the reason that it gave. Once that is mended, "
                "--resume goes on from the last checkpoint."
            ) from None
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)

    def dismiss(self) -> None:
        """The work is done; from the first process the others hear it as None."""
        if self.size > 1 and not self.at_work:
            with suppress(RuntimeError):  # whoever is gone needs no dismissal
                if self.leads:
                    self.tell(None)
            distributed.destroy_process_group()


def is_lost(error: RuntimeError) -> bool:
    """Whether this is about a process that is gone."""
    return isinstance(error, distributed.DistError) or any(
        word in str(error) for word in ("Connection", "connection", "gloo", "timed out", "Broken pipe")
    )


ALONE = Crew()
_crew = ALONE


def current_crew() -> Crew:
    """That which this process has joined, or itself alone."""
    return _crew


def join_crew(environment: Mapping[str, str] = os.environ) -> Crew:
    """Meet the other processes, as torchrun's environment tells. Raises SettingsError where that makes no sense."""
    global _crew
    crew = read_environment(environment)
    if "OMP_NUM_THREADS" not in environment:  # torchrun sets it to 1
        os.environ["OMP_NUM_THREADS"] = str(max(1, count_cores() // crew.local_size))
    torch.set_num_threads(count_cores())
    try:
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
            init_method=f"tcp://{environment['MASTER_ADDR']}:{environment['MASTER_PORT']}",
            rank=crew.rank,
            world_size=crew.size,
            timeout=PATIENCE,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise SettingsError(
            f"the {crew.size} processes could not meet at {environment['MASTER_ADDR']}:{environment['MASTER_PORT']} "
            f"({str(error).splitlines()[0]}). {START}"
        ) from None
    _crew = crew
    return crew


def read_environment(environment: Mapping[str, str]) -> Crew:
    """A crew from torchrun's variables; SettingsError where one is missing, or processes outnumber the cores."""
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        raise SettingsError(f"WORLD_SIZE is set, as by torchrun, but {', '.join(missing)} is not. {START}")
    numbers = {name: environment[name] for name in NEEDED[:4]}
    for name, text in numbers.items():
        if not text.isdecimal():
            raise SettingsError(f"{name} = {text}: expected a whole number from 0. {START}")
    rank, size, local_rank, local_size = map(int, numbers.values())
    if rank >= size or local_rank >= local_size:
        raise SettingsError(f"process {max(rank, local_rank)} of {size}: processes are counted from 0. {START}")
    cores = given_cores()  # torchrun sets OMP_NUM_THREADS to 1
    if local_size > cores:
        raise SettingsError(
            f"{local_size} processes on a machine with {plural(cores, 'CPU core')}: each needs one. "
            f"Start at most {cores} here (--nproc-per-node)."
        )
    return Crew(rank, size, local_rank, local_size)


class _Join(torch.autograd.Function):
    """Shares of a batch put together; each process keeps the gradient of its own."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, spans: list[tuple[int, int]], rank: int) -> Tensor:
        ctx.span, ctx.size = spans[rank], len(spans)
        longest = max(last - first for first, last in spans)
        padded = part.new_zeros((longest, *part.shape[1:]))
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in spans]
        distributed.all_gather(parts, padded)
        return torch.cat([one[: last - first] for one, (first, last) in zip(parts, spans, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        # DistributedDataParallel divides the sum of all gradients by the number of processes.
        return gradient[slice(*ctx.span)] * ctx.size, None, None


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation with the statistics of all processes' samples, exact, on CPU and GPU.

    torch's SyncBatchNorm does this on a GPU only.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        normed: Tensor = _SharedNorm.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, self.running_mean, self.running_var, self.momentum, self.eps
        )
        return normed


class _SharedNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        channels = x.shape[1]
        variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
        count = x.numel() // channels
        own = torch.cat([mean, variance * count, mean.new_tensor([count])])
        each = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(each, own)
        means, squares, counts = torch.split(torch.stack(each), [channels, channels, 1], dim=1)
        # Chan, Golub and LeVeque 1979: sums of squares about different means add up without cancellation.
        total = counts.sum()
        mean = (counts * means).sum(0) / total
        variance = (squares + counts * (means - mean).square()).sum(0) / total
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(variance * total / (total - 1), momentum)
        ctx.save_for_backward(x, weight, mean, variance, total)
        ctx.eps = eps
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance, total = ctx.saved_tensors
        # As if the statistics were constants; then what their dependence on x adds (Ioffe & Szegedy 2015, section 3).
        direct, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.stack([of_bias, of_weight])
        distributed.all_reduce(sums)
        deviation = (variance + ctx.eps).sqrt()
        level, slope = sums * weight / (deviation * total)
        slope = slope / deviation
        planes = (slope[:, None, None], (level - slope * mean)[:, None, None])
        return (direct - torch.addcmul(planes[1], planes[0], x.float())).to(x.dtype), of_weight, of_bias, *[None] * 4


def share_statistics(net: nn.Module) -> None:
    """Make every batch normalisation of the net a SharedBatchNorm2d, of the same weights and statistics."""
    _replace_norms(net, nn.BatchNorm2d, SharedBatchNorm2d)


def keep_own_statistics(net: nn.Module) -> None:
    """The reverse of `share_statistics`, for what one process does alone: with the others elsewhere it would wait."""
    _replace_norms(net, SharedBatchNorm2d, nn.BatchNorm2d)


def _replace_norms(net: nn.Module, those: type[nn.BatchNorm2d], by: type[nn.BatchNorm2d]) -> None:
    for parent in list(net.modules()):
        for name, part in parent.named_children():
            if type(part) is those:
                norm = by(part.num_features, part.eps, 0.1 if part.momentum is None else part.momentum)
                norm.load_state_dict(part.state_dict())
                norm.to(next(part.parameters()).device).train(part.training)
                setattr(parent, name, norm)

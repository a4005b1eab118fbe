"""Muon (Jordan 2024): momentum whose matrices are made orthogonal before the step.

Convolution kernels, read as matrices (out, in * k * k), take Muon steps; everything else (norms, biases, the head)
takes AdamW steps. In short runs it reaches the same loss in markedly fewer steps (docs/why/defaults.md).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


class Muon(torch.optim.Optimizer):
    """learning_rate: of the orthogonal steps; of the others, `other_rate` times that. weight_decay is decoupled."""

    def __init__(
        self,
        net: nn.Module,
        *,
        learning_rate: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        other_rate: float = 0.5,
    ) -> None:
        named = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
        kernels = [p for name, p in named if p.ndim == 4 and not name.startswith("head")]
        chosen = {id(p) for p in kernels}
        others = [p for _, p in named if id(p) not in chosen]
        common = {"lr": learning_rate, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(
            [
                {"params": kernels, "muon": True, **common},
                {"params": others, "muon": False, **common, "lr": learning_rate * other_rate},
            ],
            {},
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As torch's, which imports torch's compiler first: a second at the start of every training."""
        self.param_groups.append(param_group)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            for p in parameters:
                if not self.state[p]:
                    for name in state_names(group):
                        self.state[p][name] = torch.zeros_like(p) if name != "count" else p.new_zeros(())
            (self._orthogonal if group["muon"] else self._adam)(parameters, group)

    def _orthogonal(self, parameters: list[Tensor], group: dict[str, float]) -> None:
        for p in parameters:
            gradient = p.grad
            assert gradient is not None
            average = self.state[p]["momentum"]
            average.lerp_(gradient, 1 - group["momentum"])
            direction = orthogonal(gradient.lerp(average, group["momentum"]).flatten(1))
            # A step of the same root mean square whatever the shape of the matrix (Liu et al. 2025), 0.2 as AdamW's.
            scale = 0.2 * max(direction.shape) ** 0.5
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(direction.view_as(p), alpha=-group["lr"] * scale)

    def _adam(self, parameters: list[Tensor], group: dict[str, float]) -> None:
        """In one call: a net has some forty norms and biases, each too small to be worth its own."""
        states = [self.state[p] for p in parameters]
        adamw(
            parameters,
            [p.grad for p in parameters if p.grad is not None],
            [state["momentum"] for state in states],
            [state["square"] for state in states],
            [],
            [state["count"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.99,
            lr=group["lr"],
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )


def state_names(group: dict[str, Any]) -> tuple[str, ...]:
    """What is kept of each parameter of a group, all of its shape but for the count."""
    return ("momentum",) if group["muon"] else ("momentum", "square", "count")


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Nearly U V^T of (rows, columns) = U S V^T by Newton-Schulz steps with Jordan's coefficients.

    Every step is X <- p(X X^T) X, so that the steps can be taken on the Gram matrix, which is small for a kernel (9
    times as many columns as rows), and the product of all p be applied at the end: .37 of the work. In float32: a
    product of bfloat16 is a hundred times slower on a processor that has no instruction for it.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).float()
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    whole = factor = _polynomial(gram, a, b, c)
    for _ in range(steps - 1):
        gram = factor @ gram @ factor
        factor = _polynomial(gram, a, b, c)
        whole = factor @ whole
    nearly: Tensor = whole @ x
    return nearly.T if tall else nearly


def _polynomial(gram: Tensor, a: float, b: float, c: float) -> Tensor:
    """a + b G + c G^2."""
    answer: Tensor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
    answer.diagonal().add_(a)
    return answer

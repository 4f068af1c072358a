"""How a network is trained: like lengths together, one cycle of rates, averaged weights."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bloop_tracing.encoding import LONGEST, Steps, grouped, padded, windows
from bloop_tracing.networks import Attentive, Batch, Dkt, Dropout

CELLS = 2048
"""Places of a batch, padding included, in training; more of them where nothing is learned."""
LEAST_BATCHES = 60
AVERAGED = 0.99
"""Weights that are kept are a running mean with this share of the old ones a step."""
PATIENCE = 2
"""Epochs that may pass without getting better."""

Network = Dkt | Attentive
KINDS: dict[str, tuple[type[Network], int]] = {"attention": (Attentive, 1), "dkt": (Dkt, 2)}
"""The networks, and how many times the width of the settings each one has."""
ENOUGH = 40_000
"""Answers of watched learners that tell whether an epoch was a good one."""
_seeding = threading.Lock()


@dataclass(frozen=True, slots=True)
class Recipe:
    """What training depends on besides the answers; ``kind`` is one of :data:`KINDS`."""

    kind: str
    width: int
    epochs: int
    rate: float = 3e-3
    decay: float = 1e-2


def device_of(name: str) -> torch.device:
    """The device of a setting; ``auto`` is CUDA where there is some."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def made(kind: str, concepts: int, width: int, seed: int = 0) -> Network:
    """A network as it is before training; raises KeyError for an unknown kind."""
    make, times = KINDS[kind]
    # Weights are drawn from the process's one generator, which is left as it was.
    with _seeding, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Network = make(concepts, times * width)
    return network


def batch_of(steps: Sequence[Steps], device: torch.device) -> Batch:
    """Learners side by side on a device."""
    arrays = padded(steps)
    return Batch(*(torch.from_numpy(one).to(device) for one in arrays))


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with its best weights, and the log loss that it had on the watched learners."""

    network: Network
    loss: float
    epochs: int


class Trainer:
    """Trains one network; the same seed gives the same one. Ends with what is raised in between."""

    def __init__(self, recipe: Recipe, concepts: int, seed: int, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.network = made(recipe.kind, concepts, recipe.width, seed).to(device)
        self.mean = made(recipe.kind, concepts, recipe.width, seed).to(device).eval()
        self.weights: list[Tensor] = list(self.network.parameters())
        self._means = [one.detach() for one in self.mean.parameters()]
        self._order = np.random.default_rng(seed)
        chance = torch.Generator(device).manual_seed(seed)
        for part in self.network.modules():
            if isinstance(part, Dropout):
                part.chance = chance

    def run(
        self,
        learners: Sequence[Steps],
        watched: Sequence[Steps],
        report: Callable[[], None],
        check: Callable[[], None],
    ) -> Trained:
        """Train; ``report`` is called after each epoch, ``check`` before each batch."""
        parts = windows(learners)
        watched = watched[:: max(1, sum(map(len, watched)) // ENOUGH)]
        lengths = [len(one) for one in parts]
        cells = max(256, min(CELLS, sum(lengths) // LEAST_BATCHES))
        # Groups differ a little in number each time.
        batches = math.ceil(1.1 * sum(1 for _ in grouped(lengths, cells))) + 1
        optimiser = torch.optim.AdamW(
            self.weights, lr=self.recipe.rate, weight_decay=self.recipe.decay
        )
        plan = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.recipe.rate, total_steps=batches * self.recipe.epochs, pct_start=0.2
        )
        best, kept, when = math.inf, self._kept(), 0
        for epoch in range(1, self.recipe.epochs + 1):
            self.network.train()
            for group in grouped(lengths, cells, self._order):
                check()
                self._step(batch_of([parts[place] for place in group], self.device), optimiser)
                if plan.last_epoch < plan.total_steps - 1:
                    plan.step()
            loss = log_loss(self.mean, watched, self.device)
            if loss < best:
                best, kept, when = loss, self._kept(), epoch
            report()
            if epoch - when >= PATIENCE:
                break
        self.mean.load_state_dict(kept)
        return Trained(self.mean, best, when)

    def _step(self, batch: Batch, optimiser: torch.optim.Optimizer) -> None:
        logits = self.network(batch)
        losses = functional.binary_cross_entropy_with_logits(
            logits, batch.correct, weight=batch.mask, reduction="sum"
        )
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(losses / batch.mask.sum())
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(self._means, self.weights, 1 - AVERAGED)

    def _kept(self) -> dict[str, Tensor]:
        return {name: one.clone() for name, one in self.mean.state_dict().items()}


def logits_of(
    network: Network, learners: Sequence[Steps], device: torch.device
) -> list[NDArray[np.float64]]:
    """Logits of each learner's answers. What lies more than LONGEST answers back is not seen."""
    found = [np.zeros(len(one)) for one in learners]
    parts = [
        (place, start, learners[place].part(max(0, start - LONGEST // 2), start + LONGEST // 2))
        for place in range(len(learners))
        for start in range(0, len(learners[place]), LONGEST // 2)
    ]
    with torch.inference_mode():
        for group in grouped([len(part) for _, _, part in parts], 8 * CELLS):
            batch = batch_of([parts[at][2] for at in group], device)
            logits = network(batch).double().cpu().numpy()
            for row, at in enumerate(group):
                place, start, part = parts[at]
                fresh = min(LONGEST // 2, len(learners[place]) - start)
                found[place][start : start + fresh] = logits[row, len(part) - fresh : len(part)]
    return found


def log_loss(network: Network, learners: Sequence[Steps], device: torch.device) -> float:
    """The mean log loss of all answers, in nats."""
    logits = np.concatenate([np.zeros(0), *logits_of(network, learners, device)])
    correct = np.concatenate([np.zeros(0), *(one.correct for one in learners)])
    if not len(correct):
        return math.inf
    return float(np.mean(np.logaddexp(0, logits) - correct * logits))

"""The networks: DKT as the base line, and a recurrent network with attention over all answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bloop_tracing.features import WIDTH


@dataclass(frozen=True, slots=True)
class Batch:
    """Learners beside each other: ``[B, T]``, padded behind; concepts ``[B, T, M]``, padded with 0.

    ``correct`` and ``mask`` are float32, ``features`` float32 ``[B, T, WIDTH]``.
    """

    concepts: Tensor
    correct: Tensor
    mask: Tensor
    features: Tensor


class Dropout(nn.Module):
    """Leaves out some numbers of a learner's states, the same at every step (Gal 2016).

    It draws from a generator of its own, so that networks may be trained at once and come out the
    same every time.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.chance: torch.Generator | None = None

    def forward(self, states: Tensor) -> Tensor:
        """``[B, T, H]``."""
        if not self.training or not self.share:
            return states
        shape = (states.shape[0], 1, states.shape[2])
        drawn = torch.rand(shape, generator=self.chance, device=states.device)
        return states * ((drawn >= self.share) / (1 - self.share))


class Dkt(nn.Module):
    """Deep knowledge tracing (Piech et al. 2015): an LSTM over concepts and answers."""

    def __init__(self, concepts: int, width: int = 128, dropout: float = 0.2) -> None:
        super().__init__()
        self.answers = nn.Embedding(2 * concepts, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Embedding(concepts, width)
        self.bias = nn.Embedding(concepts, 1)
        self.dropout = Dropout(dropout)
        nn.init.normal_(self.answers.weight, std=0.1)
        nn.init.normal_(self.out.weight, std=1 / math.sqrt(width))
        nn.init.zeros_(self.bias.weight)
        self.concepts = concepts

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[B, T]`` of each answer, from those before it."""
        return self._ask(shifted(self._encode(batch)), batch.concepts)

    def following(self, batch: Batch, asked: Tensor, features: Tensor) -> Tensor:
        """Logits ``[B, Q]`` of what learners may be asked next: ``[B, Q, M]``, and their counts."""
        del features
        last = last_of(self._encode(batch), batch.mask)
        return self._ask(last.expand(-1, asked.shape[1], -1), asked)

    def _encode(self, batch: Batch) -> Tensor:
        """The state after each answer ``[B, T, H]``."""
        offset = (batch.correct.long() * self.concepts).unsqueeze(-1)
        inputs = mean_of(self.answers, batch.concepts, offset)
        states: Tensor = self.dropout(self.lstm(inputs)[0])
        return states

    def _ask(self, hidden: Tensor, concepts: Tensor) -> Tensor:
        """Logits from a state."""
        weights = mean_of(self.out, concepts)
        return (hidden * weights).sum(-1) + mean_of(self.bias, concepts).squeeze(-1)


class Attentive(nn.Module):
    """An LSTM whose states are read by attention, asked with the concept and what is counted of it.

    As in SAKT and AKT (Pandey 2019, Ghosh 2020) the query is the concept in question, keys are
    the concepts of earlier answers, and what is far away counts less: a slope a head, as in ALiBi.
    Values are the states of the LSTM, so that a reading knows what an answer followed.
    """

    def __init__(
        self, concepts: int, width: int = 128, heads: int = 2, dropout: float = 0.25
    ) -> None:
        super().__init__()
        self.concepts, self.heads = concepts, heads
        self.answers = nn.Embedding(2 * concepts, width)
        self.skill = nn.Embedding(concepts, width)
        self.bias = nn.Embedding(concepts, 1)
        self.counted = nn.Linear(WIDTH, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.slope = nn.Parameter(torch.linspace(-4.0, 0.0, heads))
        self.head = nn.Sequential(
            nn.Linear(3 * width + WIDTH, width),
            nn.GELU(),
            Dropout(dropout),
            nn.Linear(width, 1),
        )
        self.dropout = Dropout(dropout)
        for table in (self.answers, self.skill):
            nn.init.normal_(table.weight, std=0.1)
        nn.init.zeros_(self.bias.weight)

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[B, T]`` of each answer, from those before it."""
        hidden = self._encode(batch)
        place = torch.arange(hidden.shape[1], device=hidden.device)
        past = (hidden, batch.concepts, (place[:, None] - place[None, :] - 1)[None])
        return self._ask(shifted(hidden), past, batch.concepts, batch.features)

    def following(self, batch: Batch, asked: Tensor, features: Tensor) -> Tensor:
        """Logits ``[B, Q]`` of what learners may be asked next: ``[B, Q, M]``, and their counts."""
        hidden, count = self._encode(batch), batch.mask.sum(1).long()
        place = torch.arange(hidden.shape[1], device=hidden.device)
        past = (hidden, batch.concepts, (count[:, None] - 1 - place)[:, None])
        last = last_of(hidden, batch.mask).expand(-1, asked.shape[1], -1)
        return self._ask(last, past, asked, features)

    def _encode(self, batch: Batch) -> Tensor:
        """The state after each answer ``[B, T, H]``."""
        offset = (batch.correct.long() * self.concepts).unsqueeze(-1)
        inputs = mean_of(self.answers, batch.concepts, offset) + self.counted(batch.features)
        states: Tensor = self.dropout(self.lstm(self.dropout(inputs))[0])
        return states

    def _ask(
        self, last: Tensor, past: tuple[Tensor, Tensor, Tensor], asked: Tensor, features: Tensor
    ) -> Tensor:
        """Logits ``[B, Q]``.

        ``past`` are states, their concepts, and how far back they lie, ``[B, Q, T]`` or what
        broadcasts to it: 0 is the last answer, and what is negative may not be looked at.
        """
        hidden, concepts, far = past
        distance = far[:, None]
        skill = mean_of(self.skill, asked)
        keys = self.key(mean_of(self.skill, concepts))
        query, key, value = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for each in (self.query(skill), keys, self.value(hidden))
        )
        slope = functional.softplus(self.slope)[:, None, None]
        bias = torch.where(distance >= 0, -slope * distance.clamp(min=0), -1e4)
        # Written out: with a learned bias torch's fused attention falls back to a slower one.
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        scores += bias
        read = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        read = read * (far >= 0).any(-1)[..., None]
        inputs = torch.cat([last, read, skill, features], -1)
        logits: Tensor = self.head(inputs) + mean_of(self.bias, asked)
        return logits.squeeze(-1)


def last_of(hidden: Tensor, mask: Tensor) -> Tensor:
    """The state ``[B, 1, H]`` after each learner's last answer; zeros where there is none."""
    count = mask.sum(1).long()
    row = torch.arange(len(count), device=hidden.device)
    found = hidden[row, (count - 1).clamp(min=0)]
    return (found * (count > 0)[:, None])[:, None]


def shifted(hidden: Tensor) -> Tensor:
    """Each place has the state before it; the first has zeros."""
    return functional.pad(hidden[:, :-1], (0, 0, 1, 0))


def mean_of(table: nn.Embedding, concepts: Tensor, offset: Tensor | None = None) -> Tensor:
    """The mean of the rows of a step's concepts ``[B, T, M]``, 0 being none: ``[B, T, H]``."""
    rows = concepts if offset is None else concepts + offset
    if concepts.shape[-1] == 1:
        found: Tensor = table(rows.squeeze(-1))
        return found
    real = (concepts > 0).unsqueeze(-1).float()
    total: Tensor = (table(rows) * real).sum(-2)
    return total / real.sum(-2).clamp(min=1)

"""Knowledge tracing on learners that no model has seen: the core's, PFA, DKT and the plugin's.

`--data DIR` reads `train*.csv`, `valid*.csv` and `test*.csv` in the public three-line format;
without it the learners are simulated, so that the truth is known and stands beside the models. Each
answer from a learner's second on is foretold from those before it. Rows are AUC, log loss and
calibration (the expected error of a stated chance, in ten bins of equal size), over three seeds
where a model has chance in it; DKT and the plugin's see the same learners and stop by the same.
`seconds_best` is the wall time of the plugin's model for all three seeds together, from answers to
the chances of the test learners. `--quick` takes one seed and fewer simulated learners.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

try:
    import torch
except ImportError as err:
    raise SystemExit("this bench needs torch, which is in no lock: pip install torch") from err
from _harness import Bench, Row
from _sequences import Split, read, simulated
from numpy.typing import NDArray

from bloop.learning.mastery.calibration import calibrate, chances
from bloop_sdk.providers.ai import Training
from bloop_tracing import counts, fitting
from bloop_tracing.config import TracingConfig
from bloop_tracing.encoding import Vocabulary, encoded
from bloop_tracing.loaded import Model
from bloop_tracing.training import Recipe, Trainer, logits_of

QUICK = "--quick" in sys.argv
if QUICK:
    sys.argv.remove("--quick")
DATA = None
if "--data" in sys.argv:
    place = sys.argv.index("--data")
    if place + 1 == len(sys.argv):
        raise SystemExit("--data: name a folder with train*.csv and test*.csv")
    DATA = Path(sys.argv[place + 1])
    del sys.argv[place : place + 2]
SEEDS = (0,) if QUICK else (0, 1, 2)
SIMULATED = (600, 100, 300) if QUICK else (2000, 300, 1000)
CORES = 2
DKT = Recipe("dkt", 64, 8)
"""An LSTM of 128, stopped by the valid learners."""
PFA_STRENGTH = 1.0

Floats = NDArray[np.float64]


def flat(found: Sequence[Sequence[float]] | Sequence[Floats]) -> Floats:
    """What is asked of all learners: all but their first answers."""
    return np.concatenate([np.zeros(0), *(np.asarray(one[1:], np.float64) for one in found)])


def sigmoid(logits: Floats) -> Floats:
    """Chances."""
    return np.asarray(1 / (1 + np.exp(-logits)))


def auc(correct: Floats, chance: Floats) -> float:
    """The chance that a right answer is told a higher chance than a wrong one; ties count half."""
    _, which, number = np.unique(chance, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(number) - (number - 1) / 2)[which]
    right = correct.sum()
    wins = ranks[correct > 0].sum() - right * (right + 1) / 2
    return float(wins / (right * (len(correct) - right)))


def log_loss(correct: Floats, chance: Floats) -> float:
    """In nats."""
    held = np.clip(chance, 1e-6, 1 - 1e-6)
    return float(-np.mean(correct * np.log(held) + (1 - correct) * np.log(1 - held)))


def calibration(correct: Floats, chance: Floats) -> float:
    """How far the mean of a bin's chances lies from its share of right answers, on average."""
    bins = np.array_split(np.argsort(chance, kind="stable"), 10)
    errors = [abs(chance[one].mean() - correct[one].mean()) * len(one) for one in bins if len(one)]
    return float(sum(errors) / len(correct))


def nothing() -> None:
    """Nobody listens."""


class Models:
    """Each model's chances for the test learners."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.vocabulary = Vocabulary.of(split.train)
        self.train, self.valid, self.test = (
            [encoded(self.vocabulary, one) for one in part]
            for part in (split.train, split.valid, split.test)
        )

    def core(self) -> Floats:
        """The core's model, calibrated on the learners to train on."""
        parameters = calibrate(self.split.train, "bench")
        return flat([chances(parameters, one) for one in self.split.test])

    def pfa(self) -> Floats:
        """Logistic regression on each concept's counts of right and wrong answers."""
        model = counts.fitted(self.train, len(self.vocabulary), counts.PFA, PFA_STRENGTH)
        return sigmoid(flat([model.logits(one) for one in self.test]))

    def dkt(self, seed: int) -> Floats:
        """DKT alone."""
        device = torch.device("cpu")
        trainer = Trainer(DKT, len(self.vocabulary), seed, device)
        network = trainer.run(self.train, self.valid, nothing, nothing).network
        return sigmoid(flat(logits_of(network, self.test, device)))

    def best(self, seed: int) -> Floats:
        """As the hub has it: a model in bytes of the plugin's usual settings, read again."""
        asked = Training(learners=self.split.train, watched=self.split.valid, seed=seed)
        config = TracingConfig()
        made = fitting.fit(config, asked, fitting.told_of(config, None))
        return flat(Model(made.data, "cpu").evaluate(self.split.test))


def timed(function: Callable[[], list[Floats]]) -> tuple[list[Floats], float]:
    """What it gives, and its seconds."""
    began = time.perf_counter()
    found = function()
    return found, time.perf_counter() - began


def main() -> None:
    """Measure."""
    torch.set_num_threads(1)
    split = simulated(*SIMULATED) if DATA is None else read(DATA)
    print(split.told, file=sys.stderr)
    models = Models(split)
    correct = flat([one.correct.astype(np.float64) for one in models.test])
    bench = Bench("tracing", peers=("torch", "numpy"))
    with ThreadPoolExecutor(CORES) as pool:
        cases: dict[str, Callable[[], list[Floats]]] = {
            "core": lambda: [models.core()],
            "pfa": lambda: [models.pfa()],
            "dkt": lambda: list(pool.map(models.dkt, SEEDS)),
            "best": lambda: [models.best(seed) for seed in SEEDS],
        }
        if split.chances:
            cases["truth"] = lambda: [flat(split.chances)]
        for name, case in cases.items():
            found, seconds = timed(case)
            tell(bench, name, correct, found, seconds)
    bench.finish()


def tell(bench: Bench, name: str, correct: Floats, found: list[Floats], seconds: float) -> None:
    """A model's rows, and its mean AUC as a ratio."""
    areas = tuple(auc(correct, one) for one in found)
    bench.rows.append(Row(f"{name}, AUC", "", areas))
    if len(areas) > 1:
        bench.rows.append(Row(f"{name}, AUC, highest minus lowest", "", (max(areas) - min(areas),)))
    losses = tuple(log_loss(correct, one) for one in found)
    bench.rows.append(Row(f"{name}, log loss", "nat", losses))
    errors = tuple(100 * calibration(correct, one) for one in found)
    bench.rows.append(Row(f"{name}, calibration error", "%", errors))
    bench.ratios[f"auc_{name}"] = float(np.mean(areas))
    if name == "truth":
        return
    runs = f"{len(found)} runs" if len(found) > 1 else "1 run"
    bench.rows.append(Row(f"{name}, {runs} together", "s", (seconds,)))
    if name == "best":
        bench.ratios["seconds_best"] = seconds


if __name__ == "__main__":
    main()

"""Learning rates as a function of the step, so that a resumed run needs no scheduler's state."""

import math

from .job import HyperParameters


def total_steps(hyper: HyperParameters, batches: int) -> int:
    """Optimiser steps of the whole run, for so many batches in a pass."""
    steps = max(1, math.ceil(hyper.epochs * batches - 1e-9))
    return steps if hyper.max_steps is None else min(steps, hyper.max_steps)


def learning_rate(hyper: HyperParameters, step: int, steps: int) -> float:
    """The rate of a step, counted from 1: up in a line over the warm-up, then as the schedule says towards zero."""
    warmup = math.ceil(hyper.warmup_share * steps)
    if step <= warmup:
        return hyper.learning_rate * step / warmup
    if hyper.schedule == "constant":
        return hyper.learning_rate
    progress = (step - warmup - 1) / max(1, steps - warmup)
    factor = 1 - progress if hyper.schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return hyper.learning_rate * factor

"""How long a render takes: drawn from the seed and the ordinal of the job, so that runs repeat."""

import math
import random

from local.simulator.config import Distribution, Fixed, Uniform


def draw(distribution: Distribution, seed: int, ordinal: int) -> float:
    """Seconds, before the time scale."""
    rng = random.Random(f"{seed}/{ordinal}/render")
    match distribution:
        case Fixed(seconds=seconds):
            return seconds
        case Uniform(minimum=minimum, maximum=maximum):
            return rng.uniform(minimum, maximum)
        case _:
            drawn = rng.lognormvariate(math.log(distribution.median), distribution.sigma)
            return min(max(drawn, distribution.minimum), distribution.maximum)


def fewer(chance: float, variants: int, seed: int, ordinal: int) -> int:
    """How many of `variants` succeed: with `chance` at least one is missing, never all."""
    rng = random.Random(f"{seed}/{ordinal}/fewer")
    return rng.randint(1, variants - 1) if variants > 1 and rng.random() < chance else variants

import numpy as np

from inspector.measure.texture import OFTEN, PER_OCTANT, find_tails


def samples_with_a_bright_octant(columns: int) -> np.ndarray:
    """Noise of 1, which is 20 higher in one of the octants."""
    noise = np.random.default_rng(0).normal(size=(8 * PER_OCTANT, 1))
    noise[:PER_OCTANT] += 20
    return np.repeat(noise.astype(np.float32), columns, axis=1)


def test_the_tails_leave_the_samples_in_their_order() -> None:
    samples = samples_with_a_bright_octant(1)
    before = samples.copy()
    find_tails(samples, OFTEN)
    np.testing.assert_array_equal(samples, before)


def test_one_column_has_the_tails_that_it_has_beside_another() -> None:
    alone = find_tails(samples_with_a_bright_octant(1), OFTEN)
    beside = find_tails(samples_with_a_bright_octant(2), OFTEN)
    np.testing.assert_array_equal(alone[:, 0], beside[:, 0])
    assert alone.max() < 5

"""Random networks of the autoencoder, without torch."""

import numpy as np

from learning.methods.autoencoder.method import TrainedAutoencoder, trained_autoencoder

WIDTHS = (4, 6, 8, 10)
HW = (32, 48)
ALL = (True, True, True)


def random_state(
    seed: int, *, skips: tuple[bool, ...] = ALL, batch_norm: bool = True
) -> dict[str, np.ndarray]:
    """Tensors by name, float32, of a network with WIDTHS."""
    rng = np.random.default_rng(seed)
    state: dict[str, np.ndarray] = {}

    def convolution(name: str, *shape: int, outputs: int) -> None:
        state[f"{name}.weight"] = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        state[f"{name}.bias"] = rng.normal(0, 0.1, outputs)

    def block(name: str, inputs: int, outputs: int) -> None:
        for place, before in ((0, inputs), (3, outputs)):
            convolution(f"{name}.{place}", outputs, before, 3, 3, outputs=outputs)
            if batch_norm:
                norm = f"{name}.{place + 1}"
                state[f"{norm}.weight"] = rng.uniform(0.5, 1.5, outputs)
                state[f"{norm}.bias"] = rng.normal(0, 0.2, outputs)
                state[f"{norm}.running_mean"] = rng.normal(0, 0.2, outputs)
                state[f"{norm}.running_var"] = rng.uniform(0.5, 2, outputs)

    for level, (inputs, outputs) in enumerate(zip((3, *WIDTHS[:-1]), WIDTHS, strict=True)):
        block(f"encoder.{level}", inputs, outputs)
    for index, level in enumerate((2, 1, 0)):
        width = WIDTHS[level]
        convolution(f"ups.{index}", WIDTHS[level + 1], width, 2, 2, outputs=width)
        block(f"decoder.{index}", width * (2 if skips[index] else 1), width)
    convolution("head", 3, WIDTHS[0], 1, 1, outputs=3)
    return {name: values.astype(np.float32) for name, values in state.items()}


def random_model(
    seed: int = 0, *, skips: tuple[bool, ...] = ALL, batch_norm: bool = True
) -> TrainedAutoencoder:
    return trained_autoencoder(random_state(seed, skips=skips, batch_norm=batch_norm), skips, {})


def random_pictures(seed: int, count: int = 2, hw: tuple[int, int] = HW) -> np.ndarray:
    """(n, H, W, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (count, *hw, 3)).astype(np.uint8)

"""Defines the network in torch: three halvings, a bottleneck, three doublings."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from inspector.core.errors import DataError
from learning.methods.autoencoder.model import DEPTH, MULTIPLE


class AutoencoderUNetLite(nn.Module):  # type: ignore[misc]
    """widths: channels from the full size to the bottleneck. skips: which steps of the decoder see
    the encoder, from the smallest size. dropout: share of the channels that a skip loses.

    The default widths make 1,928,483 parameters with batch norm.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 256),
        *,
        skips: Sequence[bool] = (True, True, True),
        batch_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        inputs = (3, *widths[:-1])
        rising = range(DEPTH - 1, -1, -1)
        self.skips = tuple(skips)
        self.encoder = nn.ModuleList(
            _block(before, after, batch_norm) for before, after in zip(inputs, widths, strict=True)
        )
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(widths[level + 1], widths[level], 2, stride=2) for level in rising
        )
        self.decoder = nn.ModuleList(
            _block(widths[level] * (2 if skip else 1), widths[level], batch_norm)
            for level, skip in zip(rising, skips, strict=True)
        )
        self.head = nn.Conv2d(widths[0], 3, 1)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 3, H, W) in [-1, 1] -> the same. Raises DataError for other inputs."""
        _check(pictures)
        sizes: list[Tensor] = []
        values = pictures
        for index, block in enumerate(self.encoder):
            values = block(nn.functional.max_pool2d(values, 2) if index else values)
            sizes.append(values)
        sizes.pop()
        for up, block, used in zip(self.ups, self.decoder, self.skips, strict=True):
            values, skip = up(values), sizes.pop()
            if used:
                values = torch.cat([self.dropout(skip), values], dim=1)
            values = block(values)
        return torch.tanh(self.head(values))

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """The tensors by name, as learning.methods.autoencoder.model.fold takes them."""
        state = self.state_dict()
        return {
            name: values.detach().cpu().float().numpy()
            for name, values in state.items()
            if not name.endswith("num_batches_tracked")
        }


def _block(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    def norm() -> nn.Module:
        return nn.BatchNorm2d(outputs) if batch_norm else nn.Identity()

    return nn.Sequential(
        *(nn.Conv2d(inputs, outputs, 3, padding=1), norm(), nn.ReLU()),
        *(nn.Conv2d(outputs, outputs, 3, padding=1), norm(), nn.ReLU()),
    )


def _check(pictures: Tensor) -> None:
    shape = tuple(pictures.shape)
    if len(shape) != 4 or shape[1] != 3 or not shape[0]:
        raise DataError(f"the autoencoder takes (n, 3, H, W), not {shape}")
    if any(side < MULTIPLE or side % MULTIPLE for side in shape[2:]):
        raise DataError(
            f"the autoencoder takes sides that are multiples of {MULTIPLE}, not {shape[2:]}"
        )
    if not pictures.is_floating_point():
        raise DataError(f"the autoencoder takes floats in [-1, 1], not {pictures.dtype}")
    largest = float(pictures.detach().abs().amax())
    if not largest <= 1:
        raise DataError(f"the autoencoder takes values in [-1, 1], these reach {largest:g}")

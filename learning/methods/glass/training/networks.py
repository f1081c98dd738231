"""The networks of GLASS (ECCV 2024): a projection and a discriminator, named as in checkpoints."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2


class Projection(nn.Module):  # type: ignore[misc]
    """One linear layer, dims -> dims."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        self.layers.add_module("0fc", nn.Linear(dims, dims))
        self.apply(_initialise)

    @property
    def linear(self) -> nn.Linear:
        return self.layers[0]

    def forward(self, rows: Tensor) -> Tensor:
        return self.layers(rows)


class Discriminator(nn.Module):  # type: ignore[misc]
    """(n, dims) -> (n,) in (0, 1), 1 = anomalous."""

    def __init__(self, dims: int, hidden: int) -> None:
        super().__init__()
        block = nn.Sequential(nn.Linear(dims, hidden), nn.BatchNorm1d(hidden), nn.LeakyReLU(SLOPE))
        self.body = nn.Sequential()
        self.body.add_module("block1", block)
        self.tail = nn.Sequential(nn.Linear(hidden, 1, bias=False), nn.Sigmoid())
        self.apply(_initialise)

    @property
    def linear(self) -> nn.Linear:
        return self.body.block1[0]

    @property
    def norm(self) -> nn.BatchNorm1d:
        return self.body.block1[1]

    @property
    def tail_weight(self) -> Tensor:
        """(hidden,)."""
        return self.tail[0].weight[0]

    def forward(self, rows: Tensor) -> Tensor:
        """Statistics and probabilities in float32, also under autocast."""
        inner = functional.leaky_relu(self.norm(at_least_float32(self.linear(rows))), SLOPE)
        return torch.sigmoid(at_least_float32(self.tail[0](inner)))[:, 0]


class GlassNetworks:
    """Both networks and their optimisers. The same seed gives the same networks."""

    def __init__(
        self,
        dims: int,
        hidden: int,
        *,
        seed: int = 0,
        device: str = "cpu",
        learning_rate: float = 1e-4,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.projection = Projection(dims).to(device)
            self.discriminator = Discriminator(dims, hidden).to(device)
        self.projection_optimiser = torch.optim.Adam(
            self.projection.parameters(), lr=learning_rate, weight_decay=1e-5
        )
        self.discriminator_optimiser = torch.optim.AdamW(
            self.discriminator.parameters(), lr=2 * learning_rate
        )

    def scores(self, rows: Tensor) -> Tensor:
        """(n, dims) -> (n,), with the running statistics."""
        self.projection.eval()
        self.discriminator.eval()
        with torch.no_grad():
            return self.discriminator(self.projection(rows))

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """Copies on the CPU, under the two names of a published checkpoint."""
        return {
            "discriminator": _copy_to_cpu(self.discriminator),
            "pre_projection": _copy_to_cpu(self.projection),
        }

    def optimisers(self) -> dict[str, Any]:
        return {
            "projection": self.projection_optimiser.state_dict(),
            "discriminator": self.discriminator_optimiser.state_dict(),
        }

    def load(self, weights: dict[str, Any], optimisers: dict[str, Any] | None = None) -> None:
        self.discriminator.load_state_dict(weights["discriminator"])
        self.projection.load_state_dict(weights["pre_projection"])
        if optimisers is not None:
            self.projection_optimiser.load_state_dict(optimisers["projection"])
            self.discriminator_optimiser.load_state_dict(optimisers["discriminator"])


def _copy_to_cpu(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)


def at_least_float32(values: Tensor) -> Tensor:
    """Turns half precision into float32, and leaves float64, which tests use."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values

"""The training step against the literal form of the method."""

import copy
import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

import literal_glass  # noqa: E402

from learning.methods.glass.training.networks import GlassNetworks  # noqa: E402
from learning.methods.glass.training.step import PatchRows, StepSettings, descend, losses  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def one_thread():
    """Two threads are not faster for small matrices."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


PATCHES, DIMS, HIDDEN = 320, 24, 16


def networks(dtype=torch.float32):
    made = GlassNetworks(DIMS, HIDDEN, seed=4)
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        norm = made.discriminator.norm
        norm.weight.uniform_(0.5, 1.5, generator=generator)
        norm.bias.normal_(0, 0.3, generator=generator)
    made.projection.to(dtype)
    made.discriminator.to(dtype)
    return made


def rows(hypersphere, dtype=torch.float32):
    """Normals as far apart as the projection's radii, so that some are clamped and some not."""
    generator = torch.Generator().manual_seed(2)

    def normal(spread):
        return spread * torch.randn(PATCHES, DIMS, generator=generator)

    true = normal(0.2) + 1.5
    defects = (torch.rand(PATCHES, generator=generator) < 0.1).to(dtype)
    defective = true + defects[:, None] * normal(0.4)
    noise = normal(0.14)
    centre = normal(0.05) + 1.0 if hypersphere else None
    made = PatchRows(true, defective, noise, defects, centre)
    fields = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
    return PatchRows(**{key: None if v is None else v.to(dtype) for key, v in fields.items()})


def gradients(nets):
    both = (*nets.projection.named_parameters(), *nets.discriminator.named_parameters())
    return {name: parameter.grad.clone() for name, parameter in both}


def relative(ours, theirs):
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize("mining", [True, False])
@pytest.mark.parametrize("hypersphere", [False, True])
@pytest.mark.parametrize("steps", [20, 7])
@pytest.mark.parametrize(
    ("dtype", "step_size", "limit"), [(torch.float32, 0.001, 1e-4), (torch.float64, 0.01, 1e-9)]
)
def test_a_step_equals_its_literal_form(hypersphere, mining, steps, dtype, step_size, limit):
    settings = StepSettings(steps=steps, mining=mining, step_size=step_size)
    ours, theirs = networks(dtype), networks(dtype)
    batch = rows(hypersphere, dtype)
    step = losses(ours, batch, settings)
    step.total.backward()
    *expected_losses, g = literal_glass.losses(theirs, batch, settings)
    sum(expected_losses).backward()
    assert step.total.item() > 0
    for loss, expected_loss in zip(
        (step.true, step.gauss, step.focal), expected_losses, strict=True
    ):
        assert loss.item() == pytest.approx(expected_loss.item(), rel=limit)
    assert relative(step.gaussian.detach(), g.detach()) < limit
    expected = gradients(theirs)
    # A bias before the batch norm has the gradient 0, so the largest gradient sets the scale.
    largest = max(float(gradient.norm()) for gradient in expected.values())
    for name, gradient in gradients(ours).items():
        difference = float((gradient - expected[name]).norm())
        assert difference < limit * max(0.05 * largest, float(expected[name].norm())), name


@pytest.mark.parametrize("hypersphere", [False, True])
def test_a_step_leaves_the_running_statistics_of_the_literal_form(hypersphere):
    ours, theirs = networks(), networks()
    batch = rows(hypersphere)
    losses(ours, batch, StepSettings())
    literal_glass.losses(theirs, batch, StepSettings())
    assert int(ours.discriminator.norm.num_batches_tracked) == 22
    expected = theirs.discriminator.state_dict()
    for name, value in ours.discriminator.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)


def test_after_the_projection_g_lies_between_the_manifold_radii_from_the_true_features():
    nets = networks()
    batch = rows(hypersphere=False)
    step = losses(nets, batch, StepSettings())
    away = (step.gaussian - nets.projection(batch.true)).norm(dim=1)
    assert 0.4999 < away.min().item() < away.max().item() < 1.0001
    assert away.std().item() > 0.01


def test_after_the_projection_g_lies_between_one_and_two_radii_from_the_centre():
    nets = networks()
    batch = rows(hypersphere=True)
    step = losses(nets, batch, StepSettings())
    away = (step.gaussian - batch.centre).norm(dim=1)
    assert step.radius is not None
    assert away.min().item() == pytest.approx(step.radius, rel=1e-4)
    assert away.max().item() <= 2 * step.radius * 1.0001


@pytest.mark.parametrize("hypersphere", [False, True])
def test_steps_keep_the_losses_finite_and_lower_them(hypersphere):
    nets = networks()
    batch = rows(hypersphere)
    totals = []
    for _ in range(30):
        step = losses(nets, batch, StepSettings(steps=5))
        descend(nets, step.total)
        totals.append(step.total.item())
    assert all(torch.isfinite(torch.tensor(totals)))
    assert totals[-1] < totals[0]


def test_ascent_brings_g_nearer_to_what_the_discriminator_calls_normal():
    """It raises the loss that is low if the discriminator calls g anomalous."""
    nets = networks()
    batch = rows(hypersphere=False)
    plain = losses(copy.deepcopy(nets), batch, StepSettings(mining=False))
    mined = losses(nets, batch, StepSettings(steps=4, step_size=0.02))
    assert mined.gauss.item() > plain.gauss.item()

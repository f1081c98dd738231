"""GLASS training, line by line as its paper describes it, and therefore slow: unfolded and pooled
patches, 21 forward passes, autograd for the ascent."""

import torch
from torch.nn import functional


def embed(features, layer_dims, dims):
    """Layers (N, C, h, w) -> (N * h * w, dims) at the first layer's grid."""
    height, width = features[0].shape[2:]
    layers = []
    for layer in features:
        count, channels, h, w = layer.shape
        patches = functional.unfold(layer, 3, padding=1).reshape(count, channels * 9, h, w)
        if (h, w) != (height, width):
            patches = functional.interpolate(
                patches, size=(height, width), mode="bilinear", align_corners=False
            )
        flat = patches.permute(0, 2, 3, 1).reshape(count * height * width, 1, channels * 9)
        layers.append(functional.adaptive_avg_pool1d(flat, layer_dims))
    together = torch.cat(layers, dim=1).reshape(len(layers[0]), 1, -1)
    return functional.adaptive_avg_pool1d(together, dims)[:, 0]


def clamped(away, low, high):
    length = away.norm(dim=1, keepdim=True)
    return away * (length.clamp(low, high) / (length + 1e-10))


def focal(scores, defects):
    probabilities = torch.stack([1 - scores, scores], dim=1)
    one_hot = functional.one_hot(defects.long(), 2).to(scores.dtype).clamp(1e-5, 1 - 1e-5)
    probability = (one_hot * probabilities).sum(dim=1) + 1e-5
    return (-((1 - probability) ** 2) * probability.log()).mean()


def losses(networks, rows, settings):
    """(L_t, L_g, focal, g)."""
    projection, discriminator = networks.projection.train(), networks.discriminator.train()
    true, defective = projection(rows.true), projection(rows.defective)
    g = true + rows.noise
    anchor, low = true, 0.5
    if rows.centre is not None:
        sound = rows.defects == 0
        away = torch.cat(
            [(true - rows.centre).norm(dim=1), (defective - rows.centre).norm(dim=1)[sound]]
        )
        anchor, low = rows.centre, torch.quantile(away.detach(), settings.radius)
        pushed = rows.centre + clamped(defective - rows.centre, 2 * low, 4 * low)
        defective = torch.where(rows.defects[:, None] > 0, pushed, defective)
    for step in range(settings.steps + 1):
        scores = discriminator(torch.cat([true, g]))
        of_true, of_g = scores[: len(true)], scores[len(true) :]
        loss_t = functional.binary_cross_entropy(of_true, torch.zeros_like(of_true))
        loss_g = functional.binary_cross_entropy(of_g, torch.ones_like(of_g))
        if step == settings.steps or not settings.mining:
            break
        (gradient,) = torch.autograd.grad(loss_g, [g], retain_graph=True)
        g = g + settings.step_size * gradient / (gradient.norm(dim=1, keepdim=True) + 1e-10)
        if (step + 1) % 5 == 0:
            g = anchor + clamped(g - anchor, low, 2 * low)
    scores = discriminator(defective)
    error = (scores - rows.defects) ** 2
    hardest = error >= torch.quantile(error, settings.hard)
    return loss_t, loss_g, focal(scores[hardest], rows.defects[hardest]), g

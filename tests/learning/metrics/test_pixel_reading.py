"""Figures of a curve that was read before it was complete."""

from map_scenes import scene

from learning.metrics.pixels import PixelCurve


def test_pictures_added_after_a_figure_was_read_count():
    maps, truths = scene(5, pictures=6)
    early, late = PixelCurve(), PixelCurve()
    for number, (anomaly_map, truth) in enumerate(zip(maps, truths, strict=True)):
        early.add(anomaly_map, truth)
        late.add(anomaly_map, truth)
        if number == 2:
            early.aupro()
    assert early.aupro() == late.aupro()
    assert early.auroc() == late.auroc()


def test_curves_merged_after_a_figure_was_read_count():
    maps, truths = scene(6, pictures=4)
    left, right, whole = PixelCurve(), PixelCurve(), PixelCurve()
    for number, (anomaly_map, truth) in enumerate(zip(maps, truths, strict=True)):
        (left if number < 2 else right).add(anomaly_map, truth)
        whole.add(anomaly_map, truth)
    left.aupro()
    left.merge(right)
    assert left.aupro() == whole.aupro()


def test_the_line_of_aupro_begins_low_and_ends_with_everything():
    maps, truths = scene(7, pictures=4)
    curve = PixelCurve()
    for anomaly_map, truth in zip(maps, truths, strict=True):
        curve.add(anomaly_map, truth)
    line = curve.pro_curve()
    assert line.x[-1] == 1
    assert abs(line.y[-1] - 1) < 1e-9
    assert (line.thresholds[1:] < line.thresholds[:-1]).all()

from inspector.sources.damage import DamageTracker


def judge(tracker, pts, *, key=False, intra=False, corrupt=False):
    return tracker.judge(pts=pts, key=key, intra=intra or key, corrupt=corrupt)


def test_a_clean_stream_is_clean_from_its_first_picture():
    tracker = DamageTracker()
    assert [judge(tracker, i, key=i == 0) for i in range(5)] == [None] * 5


def test_everything_is_bad_up_to_the_next_clean_key_frame():
    tracker = DamageTracker()
    tracker.report("bits were lost")
    assert "bits were lost" in judge(tracker, 1)
    assert judge(tracker, 2, intra=True) is not None
    assert judge(tracker, 3, key=True, corrupt=True) is not None
    assert judge(tracker, 4) is not None
    assert judge(tracker, 5, key=True) is None
    assert judge(tracker, 6) is None


def test_a_key_frame_from_before_the_damage_does_not_end_it():
    tracker = DamageTracker()
    tracker.report("bits were lost", last_pts=10)
    assert judge(tracker, 8, key=True) is not None
    assert judge(tracker, 11, key=True) is None


def test_an_earlier_corrupt_picture_keeps_the_time_of_the_error():
    tracker = DamageTracker()
    tracker.report("bits were lost", last_pts=10)
    judge(tracker, 7, corrupt=True)
    assert judge(tracker, 8, key=True) is not None


def test_pictures_from_before_the_damage_are_clean():
    tracker = DamageTracker()
    tracker.report("a part begins without a key frame", last_pts=12, before=[8, 9])
    assert judge(tracker, 9) is None
    assert judge(tracker, 10) is not None
    assert judge(tracker, 13, key=True) is None


def test_pictures_from_before_the_first_damage_stay_clean_after_a_second():
    tracker = DamageTracker()
    tracker.report("bits were lost", last_pts=12, before=[8, 9])
    tracker.report("more bits were lost", last_pts=14, before=[8, 9, 10, 11, 12])
    assert judge(tracker, 9) is None
    assert judge(tracker, 10) is not None
    assert judge(tracker, 13, key=True) is not None
    assert judge(tracker, 15, key=True) is None


def test_intra_refresh_is_clean_when_the_second_wave_begins():
    tracker = DamageTracker()
    tracker.report("bits were lost")
    assert tracker.judge(pts=1, key=True, intra=False, corrupt=False) is not None
    assert judge(tracker, 2) is not None
    assert tracker.judge(pts=3, key=True, intra=False, corrupt=False) is None

"""The text of HLS playlists, and how far their segments were read."""

import pytest

from inspector.sources.playlists import PlaylistReader, parse_playlist

HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{}\n"


def text(first: int, count: int, *, complete: bool = False) -> str:
    names = "".join(f"#EXTINF:2.0,\ns{number}.ts\n" for number in range(first, first + count))
    return HEAD.format(first) + names + ("#EXT-X-ENDLIST\n" if complete else "")


def test_segments_have_addresses_numbers_and_durations():
    playlist = parse_playlist(text(7, 2, complete=True), "http://cam/live/p.m3u8?key=1")
    assert [s.url for s in playlist.segments] == ["http://cam/live/s7.ts", "http://cam/live/s8.ts"]
    assert [s.number for s in playlist.segments] == [7, 8]
    assert (playlist.duration_s, playlist.target_s, playlist.complete) == (4.0, 2.0, True)


def test_parts_of_a_file_follow_each_other():
    lines = "#EXTINF:2,\n#EXT-X-BYTERANGE:100@10\na\n#EXTINF:2,\n#EXT-X-BYTERANGE:50\na\n"
    assert [s.first for s in parse_playlist(HEAD.format(0) + lines, "").segments] == [10, 110]


@pytest.mark.parametrize("broken", ["", "\0\0", "#EXTINF:abc,\n", "#EXT-X-MEDIA-SEQUENCE:x\na\n"])
def test_a_broken_playlist_raises_nothing(broken):
    assert not parse_playlist(broken, "http://cam/p").complete


def test_segments_that_left_the_playlist_unread_are_lost():
    reader = PlaylistReader()
    reader.update("u/p", text(0, 3))
    assert reader.begin_segment("u/s1.ts", 0) is not None
    reader.update("u/p", text(4, 3))
    reader.begin_segment("u/s4.ts", 0)
    assert reader.lost_s == 4.0


def test_a_reader_is_behind_when_more_waits_than_the_limit():
    reader = PlaylistReader()
    reader.update("u/p", text(0, 10))
    reader.begin_segment("u/s2.ts", 0)
    assert reader.is_behind(8.0)
    assert not reader.is_behind(15.0)
    reader.begin_segment("u/s8.ts", 0)
    assert not reader.is_behind(0.1)


def test_a_reader_is_behind_when_the_next_segment_will_soon_leave():
    reader = PlaylistReader()
    reader.update("u/p", text(0, 4))
    reader.begin_segment("u/s0.ts", 0)
    assert reader.is_behind(1000.0)


def test_a_segment_that_fails_twice_is_lost_once():
    reader = PlaylistReader()
    reader.update("u/p", text(0, 3))
    segment = reader.begin_segment("u/s1.ts", 0)
    assert segment is not None
    reader.lose(segment)
    reader.lose(segment)
    assert reader.lost_s == 2.0

"""Tests of putting a public data set into a folder, from a server on loopback."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
from public_archives import mvtec_archive, read_grey, served_set, visa_archive
from web_server import Page, WebServer

from inspector.core.errors import ConfigError, DataError, SourceError
from learning.datasets.layouts import load
from learning.downloads.installing import install_set
from learning.downloads.public_sets import PUBLIC_SETS, Archive, public_set


@pytest.fixture
def server():
    with WebServer({}) as running:
        yield running


def serve(server: WebServer, path: str, content: bytes) -> str:
    server.pages[path] = Page(content, ranges=True)
    return server.url(path)


def test_all_classes_are_there_and_the_archive_is_recorded(tmp_path: Path, server) -> None:
    content = mvtec_archive(tmp_path / "source", "bottle", "cable")
    url = serve(server, "/all.tar.xz", content)
    public, out = served_set("mvtec-ad", url, content, "bottle", "cable"), tmp_path / "out"
    assert install_set(public, out) == ("bottle", "cable")
    assert [data.name for data in load(out, None)] == ["bottle", "cable"]
    assert {p.name for p in out.iterdir()} == {"bottle", "cable", "download.json", "license.txt"}
    record = json.loads((out / "download.json").read_text())["all.tar.xz"]
    assert (record["sha256"], record["url"]) == (hashlib.sha256(content).hexdigest(), url)
    assert record["licence"] == "CC BY-NC-SA 4.0"
    assert install_set(public, out) == ()
    assert len(server.pages["/all.tar.xz"].requests) == 1


def test_visa_gets_the_layout_of_mvtec(tmp_path: Path, server) -> None:
    content = visa_archive(tmp_path / "source")
    (before,) = load(tmp_path / "source", "visa")
    public = served_set("visa", serve(server, "/VisA.tar", content), content, "candle")
    assert install_set(public, tmp_path / "out") == ("candle",)
    (after,) = load(tmp_path / "out", "mvtec")
    assert after.problems == ()
    expected = sorted((s.split, s.kind.replace("/", "-"), len(s.masks)) for s in before.samples)
    assert sorted((s.split, s.kind, len(s.masks)) for s in after.samples) == expected
    assert {sample.kind for sample in after.samples} == {"good", "crack", "combined", "hole-dent"}
    values = read_grey(tmp_path / "out/candle/ground_truth/crack/000_mask.png")
    assert values[3, 4] == 255
    assert set(values.ravel().tolist()) == {0, 255}


def test_a_class_with_an_archive_is_downloaded_alone_and_its_hash_recorded(
    tmp_path: Path, server
) -> None:
    content = mvtec_archive(tmp_path / "source", "bottle")
    archive = Archive(serve(server, "/bottle.tar.xz", content))
    public = dataclasses.replace(PUBLIC_SETS["mvtec-ad"], class_archives={"bottle": archive})
    out = tmp_path / "out"
    assert install_set(public, out, ["bottle"]) == ("bottle",)
    (out / "bottle").rename(tmp_path / "elsewhere")
    serve(server, "/bottle.tar.xz", mvtec_archive(tmp_path / "other", "bottle", "cable"))
    with pytest.raises(DataError, match=f"not {hashlib.sha256(content).hexdigest()}"):
        install_set(public, out, ["bottle"])
    assert not (out / "bottle").exists()


def test_only_the_archives_of_missing_classes_are_downloaded(tmp_path: Path, server) -> None:
    content = mvtec_archive(tmp_path / "source", "bottle", "cable")
    whole = served_set(
        "mvtec-ad", serve(server, "/all.tar.xz", content), content, "bottle", "cable"
    )
    archive = Archive(serve(server, "/cable.tar.xz", mvtec_archive(tmp_path / "new", "cable")))
    public = dataclasses.replace(whole, class_archives={"cable": archive})
    (tmp_path / "out" / "bottle").mkdir(parents=True)
    assert install_set(public, tmp_path / "out") == ("cable",)
    assert server.pages["/all.tar.xz"].requests == []


def test_an_archive_without_a_class_stays_as_it_is(tmp_path: Path, server) -> None:
    content = mvtec_archive(tmp_path / "source", "bottle")
    url = serve(server, "/all.tar.xz", content)
    public, out = served_set("mvtec-ad", url, content, "bottle", "cable"), tmp_path / "out"
    with pytest.raises(DataError, match="lacks the class cable; it has bottle"):
        install_set(public, out)
    assert {path.name for path in out.iterdir()} == {"all.tar.xz"}


def test_a_page_instead_of_an_archive_is_deleted(tmp_path: Path, server) -> None:
    content = b"<html>expired</html>" * 99
    public = served_set("mvtec-ad", serve(server, "/all.tar.xz", content), content, "bottle")
    with pytest.raises(DataError, match="is not a whole tar archive"):
        install_set(public, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_another_address_and_hash_can_be_used(tmp_path: Path, server) -> None:
    content = mvtec_archive(tmp_path / "source", "bottle")
    public = dataclasses.replace(PUBLIC_SETS["mvtec-ad"], classes=("bottle",), class_archives={})
    url = serve(server, "/moved", content)
    digest = hashlib.sha256(content).hexdigest()
    with pytest.raises(DataError, match="not cf4313b13603bec67abb49ca959488f7"):
        install_set(public, tmp_path / "out", url=url)
    install_set(public, tmp_path / "out", url=url, sha256=digest)
    assert (tmp_path / "out" / "bottle").is_dir()


def test_an_address_that_has_changed_is_a_hint_to_the_page_of_the_owner(
    tmp_path: Path, server
) -> None:
    public = served_set("visa", server.url("/gone.tar"), b"", "candle")
    with pytest.raises(SourceError, match=r"status 404 .*spot-diff and give it with --url"):
        install_set(public, tmp_path)


def test_wrong_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="class nut is not in MVTec AD; it has bottle, cable"):
        install_set(public_set("mvtec-ad"), tmp_path, ["nut"])
    with pytest.raises(ConfigError, match="--url and --sha256 are for one archive, not for 2"):
        install_set(public_set("mvtec-ad"), tmp_path, ["bottle", "cable"], sha256="00")
    with pytest.raises(ConfigError, match="data set 'coco' is unknown; known: mvtec-ad, visa"):
        public_set("coco")
    (tmp_path / "download.json").write_text("[]")
    with pytest.raises(DataError, match=r"download.json is no record of downloads"):
        install_set(public_set("visa"), tmp_path)


def test_every_known_set_has_its_licence_and_a_hash_for_the_whole() -> None:
    for public in PUBLIC_SETS.values():
        assert public.licence.startswith("CC BY")
        assert len(bytes.fromhex(public.whole.sha256)) == 32
        assert public.whole.url.startswith("https://")
        assert all(each.url.startswith("https://") for each in public.class_archives.values())
        assert set(public.class_archives) <= set(public.classes)

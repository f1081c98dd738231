"""Puts a public data set into a folder: downloads, checks, unpacks and converts it.

The folder then has one folder per class in the layout of MVTec AD, and download.json with the
addresses and hashes. A class folder is there completely or not at all.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError, DataError, SinkError, SourceError
from inspector.core.files import sole_writer, write_whole
from inspector.core.secrets import mask_uri
from inspector.sources.http_client import Refused
from learning.datasets.layouts import make_layout
from learning.downloads.conversion import convert
from learning.downloads.fetching import Progress, fetch_file, no_progress
from learning.downloads.public_sets import Archive, PublicSet
from learning.downloads.unpacking import unpack

RECORD: Final = "download.json"
UNPACKED: Final = ".unpacked"


def install_set(
    public: PublicSet,
    folder: Path,
    classes: Sequence[str] = (),
    *,
    url: str = "",
    sha256: str = "",
    progress: Progress = no_progress,
) -> tuple[str, ...]:
    """Downloads the classes that the folder lacks, and returns their names.

    classes: empty for all. If only some are missing and each class has an archive, only these
    archives are downloaded. url: where the archive is now, if its address has changed. sha256:
    the expected hash; empty takes the known one, or the one that an earlier download recorded.

    Raises ConfigError for an unknown class, or if url or sha256 would be for several archives;
    SourceError, DataError and SinkError as fetch_file and unpack.
    """
    for name in classes:
        if name not in public.classes:
            listed = ", ".join(public.classes)
            raise ConfigError(f"class {name} is not in {public.title}; it has {listed}")
    with sole_writer(folder):
        missing = [n for n in classes or public.classes if not (folder / n).is_dir()]
        archives = list(_choose(public, missing, some=len(missing) < len(public.classes)))
        if len(archives) > 1 and (url or sha256):
            raise ConfigError(f"--url and --sha256 are for one archive, not for {len(archives)}")
        record = _read_record(folder / RECORD)
        for archive, names in archives:
            known = sha256 or archive.sha256 or record.get(archive.file_name, {}).get("sha256", "")
            address, path = url or archive.url, folder / archive.file_name
            try:
                state = fetch_file(address, path, sha256=known, room=2, progress=progress)
            except Refused as exc:
                raise SourceError(
                    f"{exc}. If the address has changed, copy the new one from {public.page} and "
                    "give it with --url"
                ) from exc
            _install(public, path, folder, names, progress)
            record[archive.file_name] = {
                "url": mask_uri(address),
                "sha256": state.sha256,
                "bytes": state.bytes,
                "title": public.title,
                "licence": public.licence,
            }
            write_whole(folder / RECORD, (json.dumps(record, indent=1) + "\n").encode())
            path.unlink()
    return tuple(missing)


def _choose(
    public: PublicSet, missing: Sequence[str], *, some: bool
) -> Iterator[tuple[Archive, Sequence[str]]]:
    """The archives of the missing classes, each with its classes. some: not all are missing."""
    if not missing:
        return
    if some and public.class_archives:
        for name in missing:
            yield public.class_archives[name], (name,)
    else:
        yield public.whole, missing


def _install(
    public: PublicSet, archive: Path, folder: Path, names: Sequence[str], progress: Progress
) -> None:
    unpacked = folder / UNPACKED
    try:
        if unpacked.exists():
            shutil.rmtree(unpacked)
        try:
            unpack(archive, unpacked / "archive", progress=progress)
        except DataError:
            archive.unlink()  # it would fail again
            raise
        source = unpacked / "archive"
        if public.layout != "mvtec":
            convert(source, public.layout, unpacked / "mvtec")
            source = unpacked / "mvtec"
        available = make_layout("mvtec").classes(source)
        if absent := [name for name in names if name not in available]:
            raise DataError(f"{archive} lacks the class {absent[0]}; it has {', '.join(available)}")
        for name in names:
            os.replace(source / name, folder / name)
        for text in (path for path in (unpacked / "archive").iterdir() if path.is_file()):
            os.replace(text, folder / text.name)  # the licence and the description
    except SinkError:
        raise
    except OSError as exc:
        raise SinkError(f"{folder} cannot be written: {exc.strerror}") from exc
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _read_record(path: Path) -> dict[str, dict[str, Any]]:
    """Empty if there is none. Raises DataError if it is damaged, because its hashes protect."""
    if not os.path.exists(path):
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise DataError(f"{path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"{path} is not JSON: {exc}") from exc
    if not isinstance(content, dict) or not all(isinstance(e, dict) for e in content.values()):
        raise DataError(f"{path} is no record of downloads")
    return content

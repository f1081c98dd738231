"""Small archives of public data sets, for a server on loopback."""

import dataclasses
import hashlib
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
from dataset_trees import encoded, mask, mvtec_class, picture

from learning.downloads.public_sets import PUBLIC_SETS, Archive, PublicSet

VISA_KINDS = {"000.JPG": "crack", "001.JPG": "crack, hole", "002.JPG": "hole/dent"}


def tar_of(members: dict[str, bytes | tarfile.TarInfo], mode: str = "w:xz") -> bytes:
    """Name -> content of a file, or a header without content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return stream.getvalue()


def tar_of_folder(folder: Path, mode: str = "w:xz") -> bytes:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tar_of({str(f.relative_to(folder)): f.read_bytes() for f in files}, mode)


def mvtec_archive(folder: Path, *classes: str) -> bytes:
    for name in classes:
        mvtec_class(folder / name)
    (folder / "license.txt").write_text("CC BY-NC-SA 4.0")
    return tar_of_folder(folder)


def visa_archive(folder: Path, name: str = "candle") -> bytes:
    """As distributed: 4 good pictures for training, 2 for testing, and 3 defective ones."""
    rows = ["object,split,label,image,mask"]
    kinds = ["image,label,mask"]
    for index in range(6):
        path = f"{name}/Data/Images/Normal/{index:04}.JPG"
        encoded(folder / path, np.full((12, 16, 3), 80 + index, np.uint8))
        rows.append(f"{name},{'train' if index < 4 else 'test'},normal,{path},")
        kinds.append(f"{path},normal,")
    for file, kind in VISA_KINDS.items():
        path = f"{name}/Data/Images/Anomaly/{file}"
        truth = f"{name}/Data/Masks/Anomaly/{Path(file).stem}.png"
        picture(folder / path)
        mask(folder / truth, value=2)
        rows.append(f"{name},test,anomaly,{path},{truth}")
        kinds.append(f'{path},"{kind}",{truth}')
    (folder / "split_csv").mkdir(parents=True)
    (folder / "split_csv/1cls.csv").write_text("\n".join(rows) + "\n")
    (folder / name / "image_anno.csv").write_text("\n".join(kinds) + "\n")
    return tar_of_folder(folder, "w")


def served_set(name: str, url: str, content: bytes, *classes: str) -> PublicSet:
    """A public set whose whole archive is at the address, with its true hash."""
    archive = Archive(url, hashlib.sha256(content).hexdigest(), len(content))
    return dataclasses.replace(PUBLIC_SETS[name], whole=archive, classes=classes, class_archives={})


def read_grey(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image

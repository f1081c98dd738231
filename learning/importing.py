"""Imports checkpoints of other programs: what a method must implement, and how the engine file is
made."""

import dataclasses
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from inspector.core.errors import ConfigError, DataError
from inspector.core.reading import READING, Reading
from learning.backbones.export import export_beside, patch_of
from learning.backbones.zoo import resolve
from learning.datasets.pictures import list_pictures, read_picture
from learning.distinct import keep_distinct
from learning.finishing import make_engine
from learning.foreground.finding import find_foreground
from learning.job import EngineResult, MakeOptions, Progress
from learning.methods.base import Scorer
from learning.normals import MAX_PICTURES, Crop, Normals, from_folder, spread
from learning.options import check_option_names, option_fields
from learning.thresholds.choosing import check_supported
from learning.thresholds.rules import ASK, Rule
from learning.torch_weights import file_sha256

NOTE: Final = (
    "the pictures that the checkpoint was made of are not known: if these are among them, they "
    "score lower than new ones, so the thresholds are too low and the rates above look too good"
)


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """A checkpoint and what belongs to it.

    file: the checkpoint. backbone: name or ONNX file of the backbone that it was made with.
    weights: of the named backbone, as torch saves them; None if `backbone` is a file. normal:
    folder of good pictures, for the thresholds. out: the engine file. input_hw: (height, width) of
    the input. resize: side that pictures were resized to before the input was cropped from their
    middle, px. For both, None means as published. keep_similar: see learning.fit.
    """

    file: Path
    backbone: str
    normal: Path
    out: Path
    weights: Path | None = None
    input_hw: tuple[int, int] | None = None
    resize: int | None = None
    max_pictures: int = MAX_PICTURES
    reading: Reading = READING
    threads: int = 0
    keep_similar: bool = False

    def find_backbone(self, input_hw_of: Callable[[int], tuple[int, int]]) -> Path:
        """The backbone's file. It is made beside the engine if weights are given.

        input_hw_of: the size of the input for a patch of that many pixels. Raises ConfigError.
        """
        name, weights, out = self.backbone, self.weights, self.out
        result = out.with_name(f"{name}.onnx") if weights is not None else Path(name)
        if out.resolve() == result.resolve():
            raise ConfigError(f"--out {out} is the file of the backbone: choose another name")
        if weights is None:
            return resolve(name)
        if name.endswith(".onnx"):
            raise ConfigError(
                f"--weights are for a backbone given by name: leave them out for {name}"
            )
        patch = patch_of(name)
        return export_beside(
            name,
            out.parent,
            weights_file=weights,
            input_hw=None if patch is None else input_hw_of(patch),
        )

    def count_normals(self) -> int:
        """How many pictures are read from the folder `normal`, readable or not."""
        if self.max_pictures < 2:
            raise ConfigError(f"--max-pictures must be at least 2, not {self.max_pictures}")
        return min(self.max_pictures, len(list_pictures(self.normal)))

    def read_normals(
        self, input_hw: tuple[int, int], crop_of: Callable[[tuple[int, int]], Crop]
    ) -> Normals:
        """crop_of: the crop for the commonest size of the pictures. Raises DataError."""
        paths = list_pictures(self.normal)
        chosen = (paths[index] for index in spread(len(paths), self.max_pictures))
        pictures = (read_picture(path, self.reading) for path in chosen)
        sizes = Counter(picture.shape[:2] for picture in pictures if picture is not None)
        if not sizes:
            raise DataError(f"{self.normal} holds no picture that can be read")
        height, width = sizes.most_common(1)[0][0]
        normals = from_folder(
            self.normal,
            input_hw=input_hw,
            max_pictures=self.max_pictures,
            crop=crop_of((height, width)),
            reading=self.reading,
        )
        return keep_distinct(normals, keep_similar=self.keep_similar)


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A model read from a checkpoint. sigma: as published, px. parameters: for the spec.
    top_fraction: as published; None for the default of the method."""

    method: Scorer[Any]
    model: Any
    backbone: Path | None
    normals: Normals
    sigma: float
    parameters: dict[str, Any]
    top_fraction: float | None = None


class Importer(ABC):
    """Reads checkpoints of one method. A subclass is a frozen dataclass whose fields are its
    options, each with `option(...)` as its metadata. It must be importable without torch."""

    name: ClassVar[str]

    @classmethod
    def option_fields(cls) -> tuple["dataclasses.Field[Any]", ...]:
        return option_fields(cls)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """options: missing ones are as published. Raises ConfigError for an unknown option."""
        check_option_names(cls, options, f"the import of {cls.name}")
        return cls(**options)

    @abstractmethod
    def read(self, request: ImportRequest) -> ImportedModel:
        """Never runs code from the file. Raises ConfigError for a file that is no checkpoint of the
        method or does not fit the backbone, DataError for pictures that cannot be used."""


def import_checkpoint(
    importer: Importer,
    request: ImportRequest,
    progress: Progress,
    *,
    name: str | None = None,
    sigma: float | None = None,
    top_fraction: float | None = None,
    rule: Rule | None = None,
    suspects: str = ASK,
    foreground: str | Path | None = None,
) -> EngineResult:
    """Writes request.out. name: of the engine, None for the name of its file. sigma: None for the
    published one. foreground: see learning.fit. See MakeOptions for the others. Raises what
    Importer.read, find_foreground and make_engine raise."""
    rule = rule or Rule()
    check_supported(rule, request.count_normals())
    imported = importer.read(request)
    learned, normals = None, imported.normals
    if foreground is not None:
        learned, normals = find_foreground(normals, foreground, reading=request.reading)
    options = MakeOptions(
        name=name or request.out.stem,
        method=imported.method,
        backbone=imported.backbone,
        sigma=imported.sigma if sigma is None else sigma,
        top_fraction=imported.top_fraction if top_fraction is None else top_fraction,
        rule=rule,
        threads=request.threads,
        suspects=suspects,
        roi=None if learned is None else learned.roi,
        foreground=learned,
    )
    origin = {"file": request.file.name, "sha256": file_sha256(request.file)}
    return make_engine(
        imported.model,
        normals,
        options,
        request.out,
        progress,
        parameters={"imported_from": origin} | imported.parameters,
        note=NOTE,
    )

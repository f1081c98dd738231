"""What an engine is made from besides its pictures, and the making of an engine from it."""

import argparse
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loguru import logger

from learning import fit
from learning.datasets.types import ClassData
from learning.job import EngineResult
from learning.normals import Normals
from learning.scenes import warn_of_scenes
from learning.selection.choosing import ReadNormals
from learning.thresholds.folds import Scheme
from tools._fit_report import warn_of_turned_input
from tools._fit_sheet import write_pages
from tools._normals import normals_of_class
from tools._progress import Bars
from tools._rule_options import chosen_rule


@dataclass(frozen=True, slots=True)
class FitRequest:
    """arguments: of the command fit. options: of the method. It is sent to worker processes."""

    arguments: argparse.Namespace
    backbone: Path | None
    options: dict[str, Any]
    scheme: Scheme

    def fit(
        self, normals: Normals, scheme: Scheme, out: Path, read_again: ReadNormals | None
    ) -> tuple[EngineResult, dict[str, str]]:
        """The result, and sentences about the pages beside the engine, see write_pages."""
        arguments = self.arguments
        warn_of_turned_input(normals.rule.input_hw, normals.frame_hw)
        cut = warn_of_scenes(normals)
        with Bars() as bars:
            result = fit(
                normals,
                arguments.method,
                out,
                name=arguments.name,
                backbone=self.backbone,
                sigma=arguments.sigma,
                top_fraction=arguments.top_fraction,
                rule=chosen_rule(arguments),
                scheme=scheme,
                anomalous=arguments.anomalous,
                bit_depth=arguments.bit_depth,
                max_pixels=arguments.max_pixels,
                max_pictures=arguments.max_pictures,
                roi=arguments.roi,
                foreground=arguments.foreground,
                seed=arguments.seed,
                threads=arguments.threads,
                suspects=arguments.suspects,
                budget_s=arguments.budget,
                read_again=read_again if arguments.size is None else None,
                keep_similar=arguments.keep_similar,
                augment=arguments.augment,
                teachable=arguments.teachable,
                lines=arguments.lines,
                progress=bars.advance,
                **self.options,
            )
        return result, {} if arguments.no_sheet else write_pages(result, normals, cut)

    def fit_class(self, data: ClassData, out: Path) -> tuple[EngineResult, dict[str, str]]:
        """See fit. Reads the pictures of the class."""
        normals, scheme = normals_of_class(data, self.arguments, self.scheme)
        again = functools.partial(_read_class_again, data, self.arguments, self.scheme)
        return self.fit(normals, scheme, out, again)


def fit_class(request: FitRequest, data: ClassData, out: Path) -> EngineResult:
    """Fits one of several classes, and logs the sentences about its pages."""
    result, pages = request.fit_class(data, out)
    for page, sentence in pages.items():
        logger.info("class {}: {} {}", data.name, page, sentence)
    return result


def _read_class_again(
    data: ClassData, arguments: argparse.Namespace, scheme: Scheme, side: int
) -> Normals:
    return normals_of_class(data, arguments, scheme, size=side)[0]

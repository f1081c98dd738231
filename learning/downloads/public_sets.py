"""The public data sets that can be downloaded: addresses, licences, hashes.

Neither MVTec nor the authors of VisA publish hashes. Those here are the ones that anomalib checks
(open-edge-platform/anomalib, modules mvtecad and visa). The archives of single classes of MVTec AD
have none: their hash is recorded at the first download.
"""

from dataclasses import dataclass, field
from typing import Final

from inspector.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Archive:
    """sha256: empty if it is not known. bytes: 0 if it is not known."""

    url: str
    sha256: str = ""
    bytes: int = 0

    @property
    def file_name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A data set. page: where its owner describes it and links to the archives. layout: of the
    archive, see learning.datasets.layouts. class_archives: class -> its archive, if there are
    such."""

    title: str
    page: str
    licence: str
    terms: str
    layout: str
    whole: Archive
    classes: tuple[str, ...]
    class_archives: dict[str, Archive] = field(default_factory=dict)


_SHARES: Final = {
    "bottle": "150452/132a93367fb17cdf968dfb5c4013f6e7/download/420937370-1629958698",
    "cable": "150453/10f960e07fec2838b2cd512586633a32/download/420937413-1629958794",
    "capsule": "150454/e0ce6dd74eb150f46c0d98131b3703f2/download/420937454-1629958872",
    "carpet": "150455/eac7fbce84d93a5094e13f391170eca4/download/420937484-1629959013",
    "grid": "150456/bb0b2e3dc804ccb8b4485e01f8e4493b/download/420937487-1629959044",
    "hazelnut": "150457/51d49f65e84bdc100ff8035d7dd783ea/download/420937545-1629959162",
    "leather": "150458/923030ce14e10a7d147e95d0f8885f6b/download/420937607-1629959262",
    "metal_nut": "150459/c68856a21dca589b0f8ff6d4ee0f18f4/download/420937637-1629959294",
    "pill": "150460/d4f1c04da67034ccc8d8b5fa3e73f244/download/420938129-1629960351",
    "screw": "150461/242f454cc6385e5693c4fd4b94567d1e/download/420938130-1629960389",
    "tile": "150462/5479f0fdc97bc6fa16eab0cb0cf0109f/download/420938133-1629960456",
    "toothbrush": "150463/895a1a5fb84b958f07417784b060434b/download/420938134-1629960477",
    "transistor": "150464/99b8ea0332438d64fcc2475ee73f9c29/download/420938166-1629960554",
    "wood": "150465/d5b4115b720cdb54d217e75636e6e374/download/420938383-1629960649",
    "zipper": "150466/bd155b557520edaf692d9bfdb915c24a/download/420938385-1629960680",
}
"""Class of MVTec AD -> address of the folder of its archive on www.mydrive.ch."""

PUBLIC_SETS: Final[dict[str, PublicSet]] = {
    "mvtec-ad": PublicSet(
        title="MVTec AD",
        page="https://www.mvtec.com/company/research/datasets/mvtec-ad/downloads",
        licence="CC BY-NC-SA 4.0",
        terms="no commercial use; name MVTec Software GmbH; share changes under the same licence",
        layout="mvtec",
        whole=Archive(
            "https://www.mydrive.ch/shares/150996/b52ecdcbf521176e9db9c731f2304b27/"
            "download/420938113-1629960298/mvtec_anomaly_detection.tar.xz",
            "cf4313b13603bec67abb49ca959488f7eedce2a9f7795ec54446c649ac98cd3d",
            5_264_982_680,
        ),
        classes=tuple(_SHARES),
        class_archives={
            name: Archive(f"https://www.mydrive.ch/shares/{share}/{name}.tar.xz")
            for name, share in _SHARES.items()
        },
    ),
    "visa": PublicSet(
        title="VisA",
        page="https://github.com/amazon-science/spot-diff",
        licence="CC BY 4.0",
        terms="name Zou et al., arXiv 2207.14315, and say that the masks were changed to 0 and 255",
        layout="visa",
        whole=Archive(
            "https://amazon-visual-anomaly.s3.us-west-2.amazonaws.com/VisA_20220922.tar",
            "2eb8690c803ab37de0324772964100169ec8ba1fa3f7e94291c9ca673f40f362",
            1_929_840_640,
        ),
        classes=(
            *("candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2"),
            *("pcb1", "pcb2", "pcb3", "pcb4", "pipe_fryum"),
        ),
    ),
}
"""Name -> data set."""


def public_set(name: str) -> PublicSet:
    """Raises ConfigError for an unknown name."""
    if name not in PUBLIC_SETS:
        raise ConfigError(f"data set {name!r} is unknown; known: {', '.join(PUBLIC_SETS)}")
    return PUBLIC_SETS[name]

"""How clips are encoded; imports nothing that encodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ENCODER_FAILED = "encoder_failed"
"""The code of the error of a scene that the encoder did not take."""
_X264 = (
    "bframes=0"  # A frame is shown when it is decoded: no offsets where clips are joined.
    ":rc-lookahead=0:sync-lookahead=0:mbtree=0:scenecut=0:weightp=0:ref=1:open-gop=0"
    ":keyint=infinite"
)
"""No frame waits for another one, so that what stands still costs nothing."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to encode."""

    codec: str = "libx264"
    preset: str = "superfast"
    crf: int = 20
    threads: int = 1

    def options(self) -> Mapping[str, str]:
        """What the codec is told."""
        match self.codec:
            case "h264_nvenc":
                return {"preset": "p4", "rc": "constqp", "qp": str(self.crf), "bf": "0",
                        "forced-idr": "1", "g": "1000000", "no-scenecut": "1"}  # fmt: skip
            case "libx264":
                return {"preset": self.preset, "crf": str(self.crf), "forced-idr": "1",
                        "x264-params": _X264}  # fmt: skip
            case _:
                return {}

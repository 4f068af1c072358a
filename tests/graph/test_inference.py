"""What is inferred from a course: its concepts, what ties them, and why."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bloop.graph.cycles import Arc, find_cycle
from bloop.graph.inference import (
    PART_OF,
    PREREQUISITE,
    Course,
    Document,
    GlossaryEntry,
    Outcome,
    infer,
)
from bloop_sdk import UnavailableError
from bloop_sdk.markdown import Links, render

ROOT = Path(__file__).parents[2]

ENGLISH = (
    (
        "Vectors",
        """<p>A <strong>vector</strong> is a quantity with a direction and a size. We draw a vector
        as an arrow. The vector has components.</p>
        <h2>Dot product</h2><p>The <dfn>dot product</dfn> takes one vector and another vector and
        gives a number. The dot product of a vector with itself is never negative.</p>""",
    ),
    (
        "Matrices",
        """<p>A <strong>matrix</strong> is a table of numbers, and each row of a matrix is a vector.
        A matrix maps a vector to another vector. \\(Ax = b\\)</p>
        <h2>Determinant</h2><p>The <b>determinant</b> is a number that says how a matrix changes
        volumes. Where the determinant is zero, the matrix has no inverse.</p>""",
    ),
    (
        "Eigenvalues",
        """<p>An <em>eigenvalue</em> is a factor by which a matrix stretches a vector. The
        determinant of a matrix is the product of each eigenvalue.</p><h2>Singular value
        decomposition (SVD)</h2><p>Singular value decomposition (SVD) splits a matrix. The SVD works
        where an eigenvalue does not. Click <a href="#">here</a> to submit the assignment.</p>""",
    ),
)


def course(pages=ENGLISH, language="en", **more):
    documents = [
        Document(id=f"d{number}", title=title, html=html, language=language)
        for number, (title, html) in enumerate(pages)
    ]
    return Course(title="Linear algebra", language=language, documents=documents, **more)


def names(inferred):
    return [one.name for one in inferred.concepts]


def pairs(inferred, kind=PREREQUISITE):
    called = {one.key: one.name for one in inferred.concepts}
    return {(called[one.source], called[one.target]) for one in inferred.edges if one.kind == kind}


@pytest.fixture(scope="module")
def inferred():
    return infer(course())


def test_concepts_have_the_courses_own_words(inferred):
    wanted = {"vector", "matrix", "eigenvalue", "determinant", "dot product"}
    assert wanted <= set(names(inferred)[:7])
    [vector] = [one for one in inferred.concepts if one.name == "vector"]
    assert vector.description == "A vector is a quantity with a direction and a size."
    assert {one.kind for one in vector.evidence} >= {"definition", "heading"}
    assert all(one.evidence and 0 < one.confidence < 1 for one in inferred.concepts)


def test_what_any_course_says_is_no_concept(inferred):
    assert not {"assignment", "table", "number", "row", "quantity", "click"} & set(names(inferred))


def test_an_abbreviation_is_another_name(inferred):
    [svd] = [one for one in inferred.concepts if one.aliases]
    assert (svd.name.lower(), svd.aliases) == ("singular value decomposition", ("SVD",))
    assert "SVD" not in names(inferred)


def test_another_name_is_one_of_the_same_concept():
    page = """<p>A <b>node</b>, also called a nodal point, is a place at rest. A nodal point
    never moves. The nodal point is a node. Each node has neighbours.</p>"""
    made = infer(course((("Waves", page),)))
    [node] = [one for one in made.concepts if one.name == "node"]
    assert node.aliases == ("nodal point",)
    assert "nodal point" not in names(made)


def test_what_comes_first_is_the_prerequisite_and_says_why(inferred):
    assert ("vector", "matrix") in pairs(inferred)
    assert ("matrix", "determinant") in pairs(inferred)
    assert ("vector", "dot product") in pairs(inferred)
    assert not {("matrix", "vector"), ("determinant", "matrix")} & pairs(inferred)
    for edge in inferred.edges:
        assert edge.evidence and all(one.note for one in edge.evidence)
    [edge] = [one for one in inferred.edges if (one.source, one.target) == ("vector", "matrix")]
    assert {"definition", "order"} <= {one.kind for one in edge.evidence}
    assert edge.evidence[0].document == "d1" and "each row" in edge.evidence[0].passage


def test_what_stands_under_a_heading_is_part_of_it(inferred):
    assert {("dot product", "vector"), ("determinant", "matrix")} <= pairs(inferred, PART_OF)


def test_a_document_covers_what_it_is_about(inferred):
    told = {(one.document, one.concept): one for one in inferred.coverage}
    assert told["d0", "vector"].weight > told["d1", "vector"].weight
    assert told["d1", "determinant"].passage.startswith("The determinant is a number")


def test_the_same_course_gives_the_same(inferred):
    assert infer(course()) == inferred


def test_a_glossary_and_outcomes_say_it_themselves():
    made = infer(
        course(
            glossary=[GlossaryEntry(term="Trace", definition="The sum of the diagonal.")],
            outcomes=[
                Outcome(id="1", title="Spectral theory"),
                Outcome(id="2", title="Eigenvalue", parent="1"),
            ],
        )
    )
    [trace] = [one for one in made.concepts if one.name == "Trace"]
    assert trace.confidence > 0.9 and trace.description == "The sum of the diagonal."
    assert ("eigenvalue", "Spectral theory") in pairs(made, PART_OF)


GERMAN = (
    (
        "Die Ableitung",
        """<p>Die <b>Ableitung</b> ist ein Grenzwert. Die Ableitung einer Funktion misst ihre
        Steigung. Jede Funktion hat Werte.</p>""",
    ),
    (
        "Das Integral",
        """<p>Das <b>Integral</b> ist die Umkehrung der Ableitung. Das Integral addiert, was die
        Ableitung teilt; oft lassen sich viele Integrale mit einer Ableitung berechnen.</p>""",
    ),
)
FRENCH = (
    (
        "La vitesse",
        """<p>La <strong>vitesse</strong> est une grandeur. La vitesse du son dépend de
        l'air.</p>""",
    ),
    (
        "L'accélération",
        """<p>L'<strong>accélération</strong> est la variation de la vitesse. On mesure
        l'accélération et la vitesse.</p>""",
    ),
)
SPANISH = (
    (
        "La célula",
        """<p>La <strong>célula</strong> es la unidad de la vida. Cada célula tiene una
        membrana.</p>""",
    ),
    (
        "El tejido",
        """<p>Un <strong>tejido</strong> es un conjunto de células. El tejido une cada célula con
        otra.</p>""",
    ),
)


@pytest.mark.parametrize(
    ("language", "pages", "wanted", "never"),
    [
        ("de", GERMAN, ("Ableitung", "Integral"), {"berechnen", "oft", "viele"}),
        ("fr", FRENCH, ("vitesse", "accélération"), {"dépend", "on mesure"}),
        ("es", SPANISH, ("célula", "tejido"), {"tiene", "une"}),
    ],
)
def test_other_languages_are_read_by_their_own_words(language, pages, wanted, never):
    made = infer(course(pages, language))
    assert set(wanted) <= set(names(made))
    assert not never & {one.lower() for one in names(made)}
    assert wanted in pairs(made)


@pytest.mark.parametrize(
    "html",
    ["", "<div></div>", "<p>\x00</p><![CDATA[x", "<script>var wave = 1</script><!-- wave -->",
     "<div>" * 3000 + "wave", "<p>" + "\\\\(" * 9000,
     "<h2>" + "x" * 90_000, "<p>" + "a" * 90_000 + "@", "<img src=x><table><tr><td></table>"],
)  # fmt: skip
def test_documents_without_text_do_no_harm(html):
    made = infer(Course(documents=[Document(id="a", title="", html=html)]))
    assert not made.concepts


def test_scripts_without_spaces_and_unknown_languages_are_read():
    japanese = "<p>光合成は<b>葉緑体</b>で行われる。葉緑体は光合成の場である。</p>"
    made = infer(course((("光合成", japanese),), "ja"))
    assert {"光合成"} <= set(names(made))


def test_a_book_in_one_document_is_cut_and_edges_stay_few():
    page = "".join(
        f"<h2>Basin {number}</h2><p>A <b>river {number}x</b> is a stream. The river {number}x "
        f"meets the delta and the basin.</p>"
        for number in range(1200)
    )
    made = infer(course((("Rivers", page), ("More", "word " * 100_000)), "en"))
    assert 0 < len(made.concepts) <= 30
    for concept in made.concepts:
        before = [one for one in made.edges if one.target == concept.key]
        assert len([one for one in before if one.kind == PREREQUISITE]) <= 5


def test_definitions_in_a_circle_give_an_order():
    circle = [
        (f"{a}", f"<p>A <dfn>{a}</dfn> is a {b}. Each {a} needs a {b}, and a {b} again.</p>")
        for a, b in (("node", "edge"), ("edge", "path"), ("path", "node"))
    ]
    made = infer(course(circle))
    before = [one for one in made.edges if one.kind == PREREQUISITE]
    assert before
    assert not find_cycle([Arc(one.source, one.target) for one in before])


def test_embeddings_part_what_is_far_and_their_failure_is_told(inferred):
    def apart(texts):
        return [[float(at == row) for at in range(len(texts))] for row in range(len(texts))]

    def away(texts):
        raise UnavailableError("the model is away")

    def sure(made):
        return sum(one.confidence for one in made.edges if one.kind == PREREQUISITE)

    assert sure(infer(course(), embed=apart)) < 0.8 * sure(inferred)
    near = infer(course(), embed=lambda texts: [[1.0] for _ in texts])
    assert {e.kind for one in near.edges for e in one.evidence} >= {"embedding"}
    broken = infer(course(), embed=away)
    assert replace(broken, notes=()) == inferred
    assert broken.notes == ("Embeddings were left out: the model is away",)


def test_a_model_adds_what_it_can_quote_and_invents_nothing(inferred):
    def answers(instruction, text, schema):
        assert "- matrix" in text and set(schema["required"]) <= set(schema["properties"])
        quotation = "We draw a vector as an arrow."
        return {
            "missing": [
                {"name": "arrow", "quotation": quotation},
                {"name": "quaternion", "quotation": "A quaternion has four parts."},
                {"name": "tensor", "quotation": quotation},
            ],
            "no_concepts": ["dot product", "nothing of ours"],
            "prerequisites": [
                {"first": "arrow", "then": "vector", "because": "It is drawn as one."},
                {"first": "quaternion", "then": "vector", "because": "So it is."},
                {"first": "matrix", "then": "matrix", "because": "Of course."},
                "rubbish",
            ],
        }

    made = infer(course(), generate=answers)
    assert "arrow" in names(made) and "dot product" not in names(made)
    assert not {"quaternion", "tensor"} & set(names(made))
    assert ("arrow", "vector") in pairs(made)
    assert made.notes == ("3 prerequisites of the language model name unknown concepts.",)
    for rubbish in (None, [], {"missing": "x"}, {"missing": [1], "prerequisites": [None]}):
        assert names(infer(course(), generate=lambda *_, said=rubbish: said)) == names(inferred)


def test_who_teaches_a_course_is_none_of_its_concepts():
    pages = [
        (
            "Meet your instructor",
            "<h2>Dr. Ada Byron</h2><p>Ada Byron is a professor of optics.</p>",
        ),
        ("Module 1: Introduction", "<p>Here is Ada Byron again. Office hours on Monday.</p>"),
        *ENGLISH,
        (
            "Fourier Series",
            "<p>A <dfn>Fourier Series</dfn> is a sum. The teacher of it is absent.</p>",
        ),
    ]
    found = names(infer(course(pages)))
    assert {"vector", "matrix", "Fourier Series"} <= set(found)
    assert not {"Ada Byron", "Introduction", "Module", "instructor"} & set(found)


def test_a_model_that_the_course_talked_into_something_is_not_believed(inferred):
    name = "n" * 10**6
    hostile = {
        "missing": [{"name": f"vector\0{at}", "quotation": name} for at in range(10**4)],
        "no_concepts": [*names(inferred), name, 5, None],
        "prerequisites": [
            {"first": one, "then": other, "because": f"\ud800{name}\0"}
            for one in names(inferred) * 20
            for other in names(inferred)
        ],
    }
    made = infer(course(), generate=lambda *_: hostile)
    assert names(made) == names(inferred)
    assert any("was not believed" in note for note in made.notes)
    before = [one for one in made.edges if one.kind == PREREQUISITE]
    assert not find_cycle([Arc(one.source, one.target) for one in before])
    reasons = [e.note for one in before for e in one.evidence if e.kind == "model"]
    assert reasons and max(map(len, reasons)) < 400
    assert not any("\0" in one or "\ud800" in one for one in reasons)


def test_the_sample_course_is_about_sound():
    """Its pages by name: what a teacher would name of each of its five modules."""
    order = re.findall(r'title = "(.*?)", source = "(pages/.*?)"', (
        ROOT / "examples/course/course.toml").read_text("utf-8"))  # fmt: skip
    pages = [
        (title, render((ROOT / "examples/course" / path).read_text("utf-8"), Links(lambda _: None)))
        for title, path in order
    ]
    made = infer(course(pages))
    wanted = {"sound", "resonance", "frequency", "octave", "interval", "harmonic", "beat",
              "equal temperament", "spectrum", "intensity", "decibel", "critical band"}  # fmt: skip
    assert wanted <= set(names(made)[:60])
    assert {("frequency", "Nyquist frequency"), ("temperament", "equal temperament")} <= pairs(made)

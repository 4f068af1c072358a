"""What of a lesson becomes which visual, and at which words its parts appear."""

from __future__ import annotations

import pytest

from bloop_sdk.providers.ai import Picture
from bloop_sdk.storyboard import find_word


def said(scene):
    return [line.text for line in scene.narration]


def cued(scene):
    lines = {line.id: line.text for line in scene.narration}
    found = {}
    for cue in scene.cues:
        start, end = find_word(lines[cue.line], cue.word, cue.nth)
        found[cue.target] = lines[cue.line][start:end]
    return found


def test_a_formula_is_said_with_the_sentence_that_leads_to_it(scene_of):
    scene = scene_of(
        "formula",
        r"<h2>Beats</h2><p>The faster wave gains \( f_2 - f_1 \) cycles per second, so</p>"
        r"<p>\[ f = |f_2 - f_1|. \]</p><p>where \(f\) is the rate of the beats.</p>",
    )
    assert scene.visual.steps == ["f = |f_2 - f_1|"]
    assert said(scene)[-1] == (
        "The faster wave gains $f_2 - f_1$ cycles per second, so $f = |f_2 - f_1|$ "
        "where $f$ is the rate of the beats."
    )


def test_the_rows_of_an_aligned_formula_are_steps(scene_of):
    scene = scene_of(
        "formula",
        r"<p>Two equations give the price.</p><p>$$\begin{aligned} a &amp;= b + c \\ d &amp;= e "
        r"\end{aligned}$$</p>",
    )
    assert scene.visual.steps == ["a = b + c", "d = e"]


@pytest.mark.parametrize(
    "html",
    [
        (
            "<math display='block'><semantics><mrow><mi>E</mi></mrow>"
            "<annotation encoding='application/x-tex'>E = m c^2</annotation></semantics></math>"
        ),
        '<img class="equation_image" src="/equation_images/x" alt="LaTeX: E = m c^2">',
        '<img src="https://x/equation_images/E%2520%253D%2520m%2520c%255E2" alt="a picture">',
        '<img class="texrender" alt="$$E = m c^2$$" src="/t.gif">',
        '<img data-equation-content="E = m c^2" src="/t.gif">',
        "$$E = m c^2$$",
    ],
)
def test_formulas_are_read_as_platforms_write_them(html, scene_of):
    scene = scene_of("formula", f"<p>Energy and mass are the same, so {html}</p>")
    assert scene.visual.steps == ["E = m c^2"]
    assert said(scene)[-1] == "Energy and mass are the same, so $E = m c^2$."


def test_mathml_without_an_annotation_is_put_into_latex(scene_of):
    scene = scene_of(
        "formula",
        "<p>The speed is <math display='block'><mi>v</mi><mo>=</mo><mfrac><mi>s</mi><msup>"
        "<mi>t</mi><mn>2</mn></msup></mfrac><mo>⋅</mo><msqrt><mi>π</mi></msqrt></math></p>",
    )
    assert scene.visual.steps == [r"v=\frac{s}{{t}^{2}}\cdot \sqrt{\pi }"]


def test_a_function_of_x_is_drawn(scene_of):
    scene = scene_of("plot", r"<p>The parabola \( f(x) = \frac{1}{2}x^2 - 3x \) opens upwards.</p>")
    [curve] = scene.visual.curves
    assert curve.expression == "((1)/(2))*x^2-3*x"
    assert cued(scene) == {"curve-1": "parabola"}


@pytest.mark.parametrize("tag", ["b", "strong", "dfn"])
def test_a_marked_term_is_defined_on_a_card(tag, tell):
    board = tell(
        f"<h2>Air</h2><p><{tag}>Pressure</{tag}> is force per area. It grows as one dives.</p>"
    )
    card = next(one for one in board.scenes if one.id == "air-term")
    assert card.visual.title == "Pressure"
    assert card.visual.subtitle == "Pressure is force per area"
    assert said(card) == ["Air.", "Pressure is force per area.", "It grows as one dives."]
    assert cued(card) == {"subtitle": "force"}


def test_terms_of_a_glossary_are_listed(scene_of):
    scene = scene_of(
        "bullets", "<dl><dt>Node</dt><dd>A place at rest.</dd><dt>Crest</dt><dd>The top.</dd></dl>"
    )
    assert scene.visual.items == ["Node: A place at rest", "Crest: The top"]
    assert cued(scene) == {"item-1": "Node", "item-2": "Crest"}


def test_the_items_of_a_list_come_as_they_are_said(scene_of):
    scene = scene_of(
        "bullets",
        "<p>A wave can do two things:</p><ol><li><b>Reflection:</b> it turns back (as an echo "
        "does).</li><li>Refraction, which bends it.</li></ol>",
    )
    assert scene.visual.ordered
    assert scene.visual.items == ["Reflection: it turns back", "Refraction, which bends it"]
    assert said(scene) == [
        "A wave can do two things:",
        "Reflection: it turns back.",
        "Refraction, which bends it.",
    ]
    assert cued(scene) == {"item-1": "Reflection", "item-2": "Refraction"}


def test_a_list_of_links_is_no_content(tell):
    board = tell(
        "<p>Sound is a wave in air.</p><ul><li><a href='/a'>Next page</a></li>"
        "<li><a href='/b'>Back to the start</a></li></ul>"
    )
    assert not any("Next page" in line.text for one in board.scenes for line in one.narration)


def test_dated_entries_become_a_timeline(scene_of):
    scene = scene_of(
        "timeline",
        "<h2>Desarrollo</h2><ol><li><b>1789</b>: Toma de la Bastilla.</li><li>14 de julio de 1791: "
        "la Constitución.</li><li><b>1793–1794</b>: el Terror.</li></ol>",
        language="es",
    )
    assert [(one.when, one.what) for one in scene.visual.moments] == [
        ("1789", "Toma de la Bastilla"),
        ("14 de julio de 1791", "La Constitución"),
        ("1793–1794", "El Terror"),
    ]
    assert cued(scene)["moment-3"] == "1793"


def test_sentences_with_years_in_their_order_become_a_timeline(scene_of):
    scene = scene_of(
        "timeline",
        "<p>In 1807 the court fled. In 1815 Brazil became a kingdom. In 1822 it was free.</p>"
        "<p>Independence came in 1822. A republic followed in 1889.</p>",
    )
    assert [one.when for one in scene.visual.moments][:2] == ["1807", "1815"]


def test_a_table_is_told_by_its_rows(scene_of):
    scene = scene_of(
        "table",
        "<table><caption>Speeds of sound</caption><tr><th>Medium</th><th>State</th><th>Speed</th>"
        "</tr><tr><td>Air</td><td>gas</td><td>343 m/s</td></tr><tr><td>Iron</td><td>solid</td>"
        "<td>5120 m/s</td></tr></table>",
    )
    assert scene.visual.header == ["Medium", "State", "Speed"]
    assert said(scene)[1] == "Air: State gas, Speed 343 m/s."
    assert cued(scene) == {"row-1": "Air", "row-2": "Iron"}


def test_two_columns_of_phrases_are_compared(scene_of):
    scene = scene_of(
        "compare",
        "<table><tr><th>Acids</th><th>Bases</th></tr><tr><td>They taste sour.</td><td>They taste "
        "bitter.</td></tr><tr><td>They turn litmus red.</td><td>They turn it blue.</td></tr>"
        "</table>",
    )
    assert scene.visual.left.title == "Acids"
    assert cued(scene)["right-2"] == "turn"


def test_tables_that_lay_out_a_page_are_read_as_text(tell):
    board = tell(f"<table><tr><td>{'Sound is a wave in air. ' * 20}</td><td>x</td></tr></table>")
    assert all(one.visual.kind != "table" for one in board.scenes)
    assert any("Sound is a wave" in line.text for one in board.scenes for line in one.narration)


def test_arrows_join_a_graph(scene_of):
    scene = scene_of("graph", "<p>Grass → Rabbit → Fox</p><p>Grass → Mouse → Fox</p>")
    assert [node.label for node in scene.visual.nodes] == ["Grass", "Rabbit", "Fox", "Mouse"]
    edges = [(edge.source, edge.target) for edge in scene.visual.edges]
    assert edges == [("grass", "rabbit"), ("rabbit", "fox"), ("grass", "mouse"), ("mouse", "fox")]


def test_a_chemical_equation_is_no_graph(tell):
    board = tell("<p>6CO₂ + 6H₂O → C₆H₁₂O₆ + 6O₂ is how plants live on light.</p>")
    assert all(one.visual.kind != "graph" for one in board.scenes)


def test_numbers_become_an_array_where_the_text_speaks_of_one(scene_of, tell):
    scene = scene_of("array", "<p>Sorting turns the list [5, 2, 9, 1] into one that rises.</p>")
    assert scene.visual.values == ["5", "2", "9", "1"]
    board = tell("<p>The buses leave at 5, 20, 35, 50 past the hour.</p>")
    assert all(one.visual.kind != "array" for one in board.scenes)


def test_points_with_coordinates_are_drawn(scene_of):
    scene = scene_of("geometry", "<p>The triangle A(0, 0), B(4, 0), C (0, −3) is right-angled.</p>")
    figure, *points = scene.visual.shapes
    assert (figure.shape, [(one.x, one.y) for one in figure.vertices]) == (
        "polygon",
        [(0, 0), (4, 0), (0, -3)],
    )
    assert [one.label for one in points] == ["A", "B", "C"]
    assert said(scene) == ["The triangle A(0, 0), B(4, 0), C (0, −3) is right-angled."]


def test_code_is_shown_with_the_sentences_beside_it(scene_of):
    scene = scene_of(
        "code",
        "<p>A loop plays the scale:</p><pre><code class='language-python'>for note in scale:\n"
        "    play(note)\n</code></pre><p>Each note is handed to play.</p>",
    )
    assert (scene.visual.language, scene.visual.text) == (
        "python",
        "for note in scale:\n    play(note)",
    )
    assert said(scene) == ["A loop plays the scale:", "Each note is handed to play."]
    assert cued(scene) == {"line-1": "scale", "line-2": "play"}


def test_a_picture_of_the_lesson_is_shown_and_described(scene_of, tell):
    html = (
        "<figure><img src='/files/1.png' alt='A wave that swells and fades'>"
        "<figcaption>Two tones beat.</figcaption></figure><img src='/files/2.png' alt='Some other'>"
    )
    pictures = (Picture(id="beats", source="/files/1.png", size=(600, 400)),)
    scene = scene_of("image", html, pictures=pictures)
    assert scene.visual.asset == "beats"
    assert said(scene) == ["Two tones beat.", "A wave that swells and fades."]
    small = (Picture(id="icon", source="/files/1.png", size=(16, 16)),)
    assert tell(html, pictures=small).assets == []


@pytest.mark.parametrize(
    "choices",
    [
        "<ul><li>442</li><li><b>4</b></li><li>2</li></ul>",
        "<ul><li>A) 442</li><li>B) 4 ✓</li><li>C) 2</li></ul>",
        "<ol><li>442</li><li>4</li><li>2</li></ol><details><summary>Answer</summary><p>B</p></details>",
        (
            "<ol><li>442</li><li>four</li><li>2</li></ol><details><summary>?</summary>"
            "<p>It is four.</p></details>"
        ),
    ],
)
def test_a_question_with_choices_becomes_a_quiz_where_the_answer_is_known(choices, scene_of):
    scene = scene_of("quiz", f"<p>1. How many beats does one hear?</p>{choices}")
    assert scene.visual.question == "How many beats does one hear?"
    assert scene.visual.answer == 2
    assert len(scene.visual.choices) == 3
    assert said(scene)[-1].startswith("The answer: ")
    assert set(cued(scene)) == {"answer"}


def test_a_question_without_its_answer_is_not_asked(tell):
    board = tell("<p>How many beats?</p><ul><li>442</li><li>4</li></ul><p>Sound is a wave.</p>")
    assert all(one.visual.kind != "quiz" for one in board.scenes)

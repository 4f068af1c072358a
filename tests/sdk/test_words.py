"""What a plugin says in other languages: catalogues, templates, days, numbers and money."""

from datetime import UTC, date, datetime, timedelta, timezone
from gettext import NullTranslations

import pytest

from bloop_sdk import UnsupportedError, gettext_noop, words_of
from bloop_sdk.bidi import Sentence, Sentences
from bloop_sdk.manifest import parse_manifest
from bloop_sdk.money import Money
from bloop_sdk.translations import catalogue_faults, translation_faults
from bloop_sdk.words import Words, comma_in, listed, page_words_in, templates_in, words_in

CODE = """
from bloop_sdk import gettext_noop
KINDS = {"paid": gettext_noop("paid"), "no": gettext_noop("failed: {why}")}
def said(ctx, count):
    _ = ctx.words.gettext
    return _("Hello {name}").format(name="x"), ctx.words.ngettext("one day", "{n} days", count)
"""
PAGE = """\
<p>{{ _("Kept by %(name)s", name=name) }}</p>
<p>{{ ngettext("%(num)d course", "%(num)d courses", 3) }}, {{ at | day }}, {{ price | money }}</p>
"""
MANIFEST = """
id = "shelf"
family = "feature"
name = "Shelf"
summary = "Keeps what people want to read later."
api = "1.0"
contributes.pages = [
    { path = "/", view = "bloop_shelf.views:a", action = "content:read", title = "My shelf" },
    { path = "/{id}", view = "bloop_shelf.views:b", action = "content:read", title = "One" },
]
"""
PO = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "paid"
msgstr "bezahlt"

msgid "My shelf"
msgstr "Mein Regal"

msgid "Hello {name}"
msgstr "Hallo {name}"

msgid "failed: {why}"
msgstr "gescheitert: {why}"

msgid "one day"
msgid_plural "{n} days"
msgstr[0] "ein Tag"
msgstr[1] "{n} Tage"

msgid "Kept by %(name)s"
msgstr "Gemerkt von %(name)s"

msgid "%(num)d course"
msgid_plural "%(num)d courses"
msgstr[0] "%(num)d Kurs"
msgstr[1] "%(num)d Kurse"
"""


@pytest.fixture
def package(tmp_path):
    for name, text in {"a.py": CODE, "templates/a.html": PAGE, "locale/de.po": PO}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    # What a plugin ships for tests is said to nobody.
    (tmp_path / "testing").mkdir()
    (tmp_path / "testing" / "fake.py").write_text('_("nobody reads this")')
    return tmp_path


def test_a_template_speaks_the_language_of_its_request(package):
    values = {
        "name": "<b>",
        "at": date(2026, 11, 27),
        "price": Money(amount=490050, currency="EUR"),
    }
    german = templates_in(package, "de").get_template("a.html").render(values)
    assert (
        german == "<p>Gemerkt von &lt;b&gt;</p>\n<p>3 Kurse, 27. November 2026, 4.900,50\xa0€</p>"
    )
    english = templates_in(package, "en").get_template("a.html").render(values)
    assert english == "<p>Kept by &lt;b&gt;</p>\n<p>3 courses, 27 November 2026, €4,900.50</p>"


def test_words_fall_back_to_english_and_the_empty_text_stays_empty(package):
    german = words_in(package, "de")
    assert [german.gettext(text) for text in ("paid", "unknown", "")] == ["bezahlt", "unknown", ""]
    assert german.ngettext("one day", "{n} days", 1) == "ein Tag"
    assert (german.number(1234.5), words_in(package, "en").number(1234.5)) == ("1.234,5", "1,234.5")
    late = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    assert words_in(package, "fr").day(late) == "31 janvier 2026"
    # A time says its zone, whichever it was given in.
    assert german.moment(late.astimezone(timezone(timedelta(hours=2)))) == (
        "31. Januar 2026, 23:30 UTC"
    )
    assert gettext_noop("paid") == "paid"


def test_a_text_with_its_values_in_it_is_found_again(package):
    german = words_in(package, "de")
    assert german.translate("Hello Ada {Lovelace}") == "Hallo Ada {Lovelace}"
    assert german.translate("paid") == "bezahlt"
    # What a message tells of is a message as well.
    assert german.translate("failed: paid") == "gescheitert: bezahlt"
    assert german.translate("failed: failed: x") == "gescheitert: gescheitert: x"
    assert german.translate("Hello ") == "Hello "
    assert german.translate("") == ""
    assert words_in(package, "en").translate("Hello Ada") == "Hello Ada"


def test_yen_have_no_decimals_and_a_foreign_dollar_is_named(package):
    words = words_in(package, "en")
    assert words.money(Money(amount=4900, currency="JPY")) == "JP¥4,900"
    assert words.money(Money(amount=4900, currency="USD")) == "US$49.00"


def test_an_unknown_package_is_named():
    with pytest.raises(Exception, match="there is no package 'bloop_nowhere'"):
        words_of("bloop_nowhere", "de")


def test_a_complete_catalogue_has_no_fault_and_each_gap_is_named(package):
    manifest = parse_manifest(MANIFEST, "here")
    assert translation_faults(package, manifest) == []
    de = package / "locale" / "de.po"
    de.write_text(PO.replace('"Mein Regal"', '""').replace("Hallo {name}", "Hallo"))
    (package / "a.py").write_text(CODE.replace('"paid")', '"given")'))
    assert translation_faults(package, manifest) == [
        "de.po: missing: given",
        "de.po: no longer used: paid",
        "de.po: not translated: My shelf",
        "de.po: loses a value: Hello {name}",
    ]
    de.write_text('msgid "open\n')
    (found,) = translation_faults(package, manifest)
    assert found.startswith("de.po cannot be read")
    with pytest.raises(ValueError, match="cannot be read"):
        words_in(package, "de")


DUAL = """
msgid ""
msgstr ""
"Language: ar\\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n==2 ? 1 : 2);\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "{count} seat of {name}"
msgid_plural "{count} seats of {name}"
msgstr[0] "مقعد واحد في {name}"
msgstr[1] "مقعدان في {name}"
msgstr[2] "{count} مقاعد في {name}"
"""


def test_the_form_of_a_single_number_may_say_it_in_words_and_that_of_many_may_not(tmp_path):
    (tmp_path / "locale").mkdir()
    catalogue = tmp_path / "locale" / "ar.po"
    wanted = {("{count} seat of {name}", "{count} seats of {name}")}
    catalogue.write_text(DUAL)
    assert catalogue_faults(tmp_path, wanted) == []
    lost = ["ar.po: loses a value: {count} seat of {name}"]
    catalogue.write_text(DUAL.replace("{count} مقاعد", "مقاعد"))
    assert catalogue_faults(tmp_path, wanted) == lost
    catalogue.write_text(DUAL.replace("مقعدان في {name}", "مقعدان"))
    assert catalogue_faults(tmp_path, wanted) == lost


def test_a_package_without_catalogues_speaks_english_and_without_babel_says_what_to_install(
    package, monkeypatch
):
    (package / "locale" / "de.po").unlink()
    (package / "locale").rmdir()
    assert translation_faults(package) == []
    monkeypatch.setitem(__import__("sys").modules, "babel.numbers", None)
    with pytest.raises(UnsupportedError, match="babel"):
        words_in(package, "en").number(1)


def test_from_right_to_left_a_page_isolates_what_is_put_into_its_texts_and_nothing_else_does(
    tmp_path,
):
    (tmp_path / "locale").mkdir()
    (tmp_path / "locale" / "ar.po").write_text(DUAL)
    (tmp_path / "templates").mkdir()
    said = """{{ ngettext("{count} seat of {name}", "{count} seats of {name}", 3)"""
    page = said + """.format(count=count, name=name) }} {{ [name, "B"] | listed }}"""
    (tmp_path / "templates" / "page.html").write_text(page)
    plain, words = words_in(tmp_path, "ar"), page_words_in(tmp_path, "ar")
    seats = ("{count} seat of {name}", "{count} seats of {name}", 3)
    assert plain.ngettext(*seats).format(count="3", name="A") == "3 مقاعد في A"
    assert words.ngettext(*seats).format(count="3", name="A") == "3 مقاعد في \u2068A\u2069"
    shown = templates_in(tmp_path, "ar").get_template("page.html").render(count=3, name="<A>")
    named = "\u2068&lt;A&gt;\u2069"
    assert shown == f"3 مقاعد في {named} {named} و\u2068B\u2069"
    # One whose values were filled in already, as of an error.
    words = Words("ar", Sentences(NullTranslations()), [("no {name}", Sentence("لا {name}"))])
    assert words.translate("no Ada") == "لا \u2068Ada\u2069"
    english = templates_in(tmp_path, "en").get_template("page.html")
    assert english.render(count=3, name="A") == "3 seats of A A, B"


def test_things_stand_one_after_another_as_each_language_has_them():
    assert [listed("abc", locale) for locale in ("en", "de")] == ["a, b, c", "a, b und c"]
    assert listed([7], "ar") == "7"
    assert listed((), "ar") == ""
    assert [comma_in(locale) for locale in ("en", "ar")] == [",", "،"]


def test_the_letters_and_the_sign_of_a_currency_stay_together_from_right_to_left(tmp_path):
    shown = words_in(tmp_path, "ar").money(Money(amount=5400, currency="USD"))
    assert shown.endswith("\u2068US$\u2069")

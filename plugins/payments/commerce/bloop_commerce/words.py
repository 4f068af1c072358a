"""Words of papers and messages in the buyer's language: of the hub's own, English and German.

An order keeps the language in which it was placed, so that a job that has no browser knows it too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

GERMAN = {
    "Amount": "Betrag",
    "Charged back": "Zurückgebucht",
    "Corrects": "Berichtigt",
    "Correction": "Berichtigung",
    "Credit note": "Gutschrift",
    "Date": "Datum",
    "Discount": "Nachlass",
    "Given back": "Erstattet",
    "Invoice": "Rechnung",
    "Issued to": "Ausgestellt für",
    "Money back": "Erstattung",
    "Net": "Netto",
    "Not given back after all": "Doch nicht erstattet",
    "Order": "Bestellung",
    "Order {number}: {title}": "Bestellung {number}: {title}",
    "Paid": "Bezahlt",
    "Price": "Preis",
    "Quantity": "Menge",
    "Receipt": "Zahlungsbestätigung",
    "Renewed": "Verlängert",
    "Tax": "Steuer",
    "Tax included": "Enthaltene Steuer",
    "Tax number": "Steuernummer",
    "Total": "Gesamt",
    "What": "Was",
    "Your renewal failed": "Ihre Verlängerung ist gescheitert",
    "{kind} on {day} by {provider}, reference": "{kind} am {day} über {provider}, Referenz",
    "{start} to {end}": "{start} bis {end}",
    "The invoice is {number}. You find it under My purchases.": (
        "Die Rechnung hat die Nummer {number}. Sie finden sie unter „My purchases“."
    ),
    "The credit note is {number}. You find it under My purchases.": (
        "Die Gutschrift hat die Nummer {number}. Sie finden sie unter „My purchases“."
    ),
    "Thank you: {money} came.": "Vielen Dank: {money} sind eingegangen.",
    "Agreed was {money}, so this does not open it yet.": (
        "Vereinbart waren {money}, der Zugang wird daher noch nicht freigeschaltet."
    ),
    "It is paid until {day}.": "Bezahlt ist bis {day}.",
    "{money} go back to you, the way they came. A bank may take some days for it.": (
        "{money} gehen auf dem Weg an Sie zurück, auf dem sie kamen. Bei einer Bank kann das "
        "einige Tage dauern."
    ),
    "You keep access for {days} days after the time that is paid.": (
        "Ihr Zugang bleibt noch {days} Tage über die bezahlte Zeit hinaus."
    ),
    "The payment that renews it did not come through.": (
        "Die Zahlung für die Verlängerung ist nicht eingegangen."
    ),
    "It is tried again by itself. See that the way you pay still works, or choose another one on "
    "the page of the purchase.": (
        "Sie wird von selbst erneut versucht. Prüfen Sie, ob Ihr Zahlungsweg noch gilt, oder "
        "wählen Sie auf der Seite des Kaufs einen anderen."
    ),
}
MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"),
    *("August", "September", "Oktober", "November", "Dezember"),
)


def said_in(language: str) -> Callable[[str], str]:
    """Gives the words of a language for the English ones; English where there are none."""
    known = GERMAN if language == "de" else {}
    return lambda words: known.get(words, words)


def day_in(language: str, day: date) -> str:
    """A day as people write it."""
    if language == "de":
        return f"{day.day}. {MONTHS[day.month - 1]} {day.year}"
    return f"{day.day} {day:%B %Y}"


def number_in(language: str, number: str) -> str:
    """A number like ``1,234.50`` as people write it."""
    return number.translate(str.maketrans(",.", ".,")) if language == "de" else number

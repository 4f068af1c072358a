"""Invoices as PDF: set by Typst when first asked for, then kept."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import typst

from bloop_commerce import invoices, orders
from bloop_commerce.api import BOOKS
from bloop_commerce.invoices import CREDIT
from bloop_commerce.tables import Invoice
from bloop_commerce.words import number_in, words_in
from bloop_sdk import FileView, NotFoundError, RequestContext, Unit, WebRequest, gettext_noop
from bloop_sdk.money import Money

MEDIA_TYPE = "application/pdf"
_ONE_AT_A_TIME = threading.Lock()


async def show(request: WebRequest, ctx: RequestContext) -> FileView:
    """A paper, for its buyer and for who keeps the books."""
    number = request.path_params["number"]

    def read(unit: Unit) -> tuple[Invoice, str]:
        row = invoices.one(unit, number)
        return row, orders.one(unit, row.order_id).buyer_id

    row, buyer = await ctx.read(read)
    if buyer != ctx.call.principal.id and not ctx.may(BOOKS):
        raise NotFoundError("there is no such invoice", cure="see your purchases")
    name = f"invoices/{row.number}.pdf"
    if await ctx.files.get(name) is None:
        made = await ctx.run_sync(pdf, row)
        with tempfile.TemporaryDirectory(prefix="bloop-invoice-") as folder:
            path = Path(folder, "invoice.pdf")
            await ctx.run_sync(path.write_bytes, made)
            await ctx.files.put(name, path, MEDIA_TYPE)
    return FileView(name=name, download=f"{row.number}.pdf")


def pdf(row: Invoice) -> bytes:
    """A paper's PDF: of the same row the same bytes, where the same fonts are."""
    return bytes(_set(row, "pdf"))


def png(row: Invoice, ppi: float = 110.0) -> bytes:
    """The same as a picture."""
    return bytes(_set(row, "png", ppi))


def _set(row: Invoice, format_: Literal["pdf", "png"], ppi: float | None = None) -> Any:
    # What people wrote goes in as data, which Typst never takes for markup.
    inputs = {"paper": json.dumps(_shown(row))}
    with _ONE_AT_A_TIME:
        made = _compiler().compile(
            files("bloop_commerce").joinpath("templates/invoice.typ").read_bytes(),
            format=format_,
            ppi=ppi,
            sys_inputs=inputs,
            timestamp=int(row.issued_at.timestamp()),
        )
    return made[0] if isinstance(made, list) else made


@cache
def _compiler() -> typst.Compiler:
    # An empty root: nothing can be read. The machine's fonts stand in for letters that Typst's
    # own have not, such as Chinese ones.
    return typst.Compiler(root=tempfile.mkdtemp(prefix="bloop-typst-"))


LABELS = (
    gettext_noop("Issued to"),
    gettext_noop("Date"),
    gettext_noop("Order"),
    gettext_noop("Corrects"),
    gettext_noop("What"),
    gettext_noop("Quantity"),
    gettext_noop("Price"),
    gettext_noop("Amount"),
    gettext_noop("Total"),
    gettext_noop("Tax number"),
)
"""What stands on every paper, by the names that the template has for it."""


def _shown(row: Invoice) -> dict[str, Any]:
    """What the template shows, amounts and days as people write them."""
    body, language = row.body, row.body.get("language", "en")
    words = words_in(language)
    _ = words.gettext
    paid_on = words.day(date.fromisoformat(body["paid"]["on"]))
    paid = _("{kind} on {day} by {provider}, reference").format(
        kind=_("Given back") if row.kind == CREDIT else _("Paid"),
        day=paid_on,
        provider=body["paid"]["provider"],
    )
    return {
        "kind": row.kind,
        "name": _("Credit note") if row.kind == CREDIT else _("Invoice"),
        "language": language,
        "words": {one: _(one) for one in LABELS},
        "number": row.number,
        "about": row.about,
        "issued": _ymd(row.issued_at.date()),
        "day": words.day(row.issued_at),
        "seller": body["seller"] | {"address": _parts(body["seller"]["address"])},
        "buyer": body["buyer"],
        "order": str(body["order"]),
        "paid": {"words": paid, "reference": body["paid"]["reference"]},
        "lines": [_line(one, row.currency, language) for one in body["lines"]],
        "sums": _sums(row, language),
        "total": f"{_number(row.total, row.currency, language)} {row.currency}",
    }


def _line(line: dict[str, Any], currency: str, language: str) -> dict[str, str]:
    unit = line["unit"]
    period = ""
    if "from" in line:
        words = words_in(language)
        start, end = (words.day(date.fromisoformat(line[one])) for one in ("from", "to"))
        period = words.gettext("{start} to {end}").format(start=start, end=end)
    return {
        "title": line["title"],
        "period": period,
        "quantity": str(line["quantity"]),
        "unit": "" if unit is None else _number(unit, currency, language),
        "amount": _number(line["amount"], currency, language),
    }


def _sums(row: Invoice, language: str) -> Sequence[tuple[str, str]]:
    """The lines between what was bought and the total."""
    body, made, _ = row.body, [], words_in(language).gettext
    if body["discount"]:
        made.append((_("Discount"), _number(-body["discount"], row.currency, language)))
    if row.tax:
        net = _number(row.total - row.tax, row.currency, language)
        words = _("Tax") if body["tax_is_added"] else _("Tax included")
        made += [(_("Net"), net), (words, _number(row.tax, row.currency, language))]
    return made


def _number(amount: int, currency: str, language: str) -> str:
    written = number_in(language, f"{Money(amount=amount, currency=currency).decimal:,f}")
    return written.replace("-", "\N{MINUS SIGN}")


def _parts(address: str) -> list[str]:
    lines = address.splitlines() if "\n" in address else address.split(",")
    return [line.strip() for line in lines if line.strip()]


def _ymd(day: date) -> list[int]:
    return [day.year, day.month, day.day]

"""A visit's bill as people are told it: rounded, and without money where a price is missing."""

from __future__ import annotations

from rules.course import Bill

NO_BILL = Bill(has_complete_price_coverage=False)


def told_bill(bill: Bill | None) -> Bill:
    """Cents, and tenths of a gram of CO2."""
    if bill is None:
        return NO_BILL
    priced = bill.has_complete_price_coverage
    return Bill(
        priced,
        cents(bill.cost_eur) if priced else None,
        cents(bill.savings_eur) if priced else None,
        _tenths(bill.co2_g),
        _tenths(bill.co2_saved_g),
    )


def cents(amount_eur: float | None) -> float | None:
    return None if amount_eur is None else round(amount_eur, 2)


def _tenths(amount_g: float | None) -> float | None:
    return None if amount_g is None else round(amount_g, 1)

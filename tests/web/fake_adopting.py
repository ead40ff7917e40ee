"""A wallbox that was never tried out: each question finds the tryout one step further."""

from __future__ import annotations

from hemsd.model import DispatchStatus
from web.adoption import AdoptionPage, ClearedPage, MeterCheckPage, NotNow, SheetLinePage

STEPS = ("Charging with up to 16 A ...", "  16 A: applied", "  10 A: applied", "Keeping silent for 90 s ...")
SHEET = (
    ("wallbox", "Heidelberg Energy Control, firmware 1.0.8"),
    ("follows limits", "TxDefaultProfile Absolute stack 0 A"),
    ("smallest step", "1 A"),
    ("0 A", "pauses the charge"),
    ("falls back when hemsd is silent", "yes"),
)


class FakeAdopting:
    """Satisfies ``web.adoption.Adopting``."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.running = False
        self.checked: list[str] = []

    def knows(self, wallbox: str) -> bool:
        return wallbox in ("garage", "carport")

    def page(self, wallbox: str) -> AdoptionPage:
        if self.running:
            self.said.append(STEPS[len(self.said)])
            self.running = len(self.said) < len(STEPS)
        whole = len(self.said) == len(STEPS)
        sheet = [SheetLinePage(about=about, found=found) for about, found in SHEET] if whole else []
        return AdoptionPage(wallbox=wallbox, running=self.running, said=list(self.said), sheet=sheet)

    def begin(self, wallbox: str) -> None:
        self.said, self.running = [], True

    def check_page(self, wallbox: str) -> MeterCheckPage:
        return MeterCheckPage(wallbox=wallbox, running=False, said=self.checked)

    def begin_check(self, wallbox: str) -> None:
        if self.running:
            raise NotNow(f"{wallbox} is being tried out")
        self.checked = ["All is well: the grid meter sees what the wallbox does."]

    def give_up(self, wallbox: str) -> None:
        self.running = False

    async def clear_profiles(self, wallbox: str) -> ClearedPage:
        return ClearedPage(wallbox=wallbox, status=DispatchStatus.APPLIED, text="")

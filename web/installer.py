"""The installer's corner: settings in force, the check, the last hour's log, strangers, and a support bundle."""

from __future__ import annotations

from aiohttp import web

from web.house import Workshop
from web.installer_models import InstallerPage
from web.routes import Route, answer


class InstallerApi:
    """The handlers, and the table that names them."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop

    def routes(self) -> tuple[Route, ...]:
        about = "Settings in force without secrets, the check, the log, strangers"
        return (
            Route("GET", "/api/installer", self.get, about, {200: InstallerPage}),
            Route(
                "GET",
                "/api/installer/bundle.zip",
                self.get_bundle,
                "The same as files, to be mailed",
                {200: None},
                produces="application/zip",
            ),
        )

    async def get(self, _request: web.Request) -> web.Response:
        return answer(await self.workshop.page())

    async def get_bundle(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=await self.workshop.bundle(),
            content_type="application/zip",
            headers={"Content-Disposition": 'attachment; filename="hemsd-support.zip"'},
        )

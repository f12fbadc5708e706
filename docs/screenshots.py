"""Pictures of reports, as a reader sees them: docs/images/report-*.png.

    python docs/screenshots.py [FOLDER]

Compiles the systems, or takes NAME.safetensors from FOLDER where there is one; then opens the reports in a
headless Chromium. Needs the extra `test`, Chromium and chromedriver.
"""

import base64
import io
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

import vanillaflow as vf

IMAGES = Path(__file__).parent / "images"
# The sections with the steps, and with the error.
STEPS, ERROR = "section:nth-of-type(2)", "section:nth-of-type(3)"
TOLERANCES = {"pendulum": 1e-2, "spiral_node": 1e-2, "lorenz": 0.13}


@dataclass(frozen=True)
class Picture:
    """What to show: the report of a system, at a part of the depth, from the top to below `until`."""

    file: str
    system: str
    depth: float = 1.0
    scheme: str = "light"
    width: int = 1200
    until: str = ERROR


PICTURES = (
    Picture("report-pendulum", "pendulum", depth=0.75, until=STEPS),
    Picture("report-pendulum-dark", "pendulum", depth=0.75, scheme="dark"),
    Picture("report-spiral_node", "spiral_node"),
    Picture("report-lorenz", "lorenz"),
    Picture("report-spiral_node-phone", "spiral_node", width=390, until=STEPS),
)


def flow_of(name: str, folder: Path | None) -> vf.PlanarFlow:
    ready = None if folder is None else folder / f"{name}.safetensors"
    if ready is not None and ready.exists():
        return vf.load(ready)
    print(f"compiling {name}", flush=True)
    return vf.compile(vf.zoo.load(name).target(), TOLERANCES[name])


def browser() -> webdriver.Chrome:
    options = Options()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def take(driver: webdriver.Chrome, report: Path, picture: Picture) -> bytes:
    """The PNG."""
    size = {"width": picture.width, "height": 1000, "deviceScaleFactor": 1, "mobile": picture.width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": picture.scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    driver.get(report.as_uri())
    driver.execute_script(
        "const slider = document.getElementById('step');"
        "slider.value = Math.round(arguments[0] * slider.max); slider.dispatchEvent(new Event('input'))",
        picture.depth,
    )
    time.sleep(0.5)
    bottom = driver.execute_script(
        "return document.querySelector(arguments[0]).getBoundingClientRect().bottom + scrollY", picture.until
    )
    clip = {"x": 0, "y": 0, "width": picture.width, "height": bottom + 16, "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    # A palette of 256 colours, spread over all there are, so that no colour of a scale is lost.
    image = image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def main(folder: Path | None) -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as reports:
        for name in TOLERANCES:
            vf.report(flow_of(name, folder), vf.zoo.load(name), Path(reports) / f"{name}.html")
        driver = browser()
        try:
            for picture in PICTURES:
                png = take(driver, Path(reports) / f"{picture.system}.html", picture)
                (IMAGES / f"{picture.file}.png").write_bytes(png)
                print(f"{picture.file}.png  {len(png) / 1000:.0f} kB")
        finally:
            driver.quit()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

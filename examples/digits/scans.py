"""The digits: 1,797 pictures of 8x8 pixels from scikit-learn, each with the digit that it shows."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

Pixels = np.ndarray[tuple[int, int], np.dtype[np.float64]]

CLASSES = [str(digit) for digit in range(10)]
SIDE = 8
DARKEST = 16
"""The darkest grey level of the scans; 0 is paper."""

LOOKALIKES = {
    "0": "68",
    "1": "47",
    "2": "37",
    "3": "89",
    "4": "19",
    "5": "69",
    "6": "05",
    "7": "19",
    "8": "39",
    "9": "48",
}
"""The digits that each digit is mistaken for."""


@dataclass(frozen=True)
class Box:
    """A rectangle in a picture, in pixels."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Scan:
    """One picture. `box` encloses the digit, `ink` is the mean darkness from 0 to 1, and `contrast` is the standard
    deviation of the pixels."""

    frame_id: str
    digit: str
    png: bytes
    box: Box
    ink: float
    contrast: float


def read_scans() -> list[Scan]:
    """Returns all scans, in scikit-learn's order."""
    digits = load_digits()
    return [
        _scan(number, pixels / DARKEST, str(digit))
        for number, (pixels, digit) in enumerate(zip(digits.images, digits.target, strict=True))
    ]


def _scan(number: int, darkness: Pixels, digit: str) -> Scan:
    ink = round(float(darkness.mean()), 3)
    return Scan(f"scan-{number:04}", digit, _png(darkness), _box(darkness), ink, float(darkness.std()))


def _box(darkness: Pixels) -> Box:
    rows, columns = (np.flatnonzero(darkness.any(axis=axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    return Box(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)


def _png(darkness: Pixels) -> bytes:
    """Returns a picture as a PNG, black on white."""
    file = io.BytesIO()
    Image.fromarray((255 - np.rint(darkness * 255)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def hurried_labels(scans: list[Scan], *, share: float, seed: int) -> dict[str, str]:
    """Returns the digit that a hurried annotator sees in each scan, by frame id. About a `share` of them is wrong."""
    chance = np.random.default_rng(seed)
    return {
        scan.frame_id: str(chance.choice(list(LOOKALIKES[scan.digit]))) if chance.random() < share else scan.digit
        for scan in scans
    }

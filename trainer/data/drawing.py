"""Draw cats and dogs, the pictures of the sample set.

A shape is an array of complex numbers x + iy, with y down. The unit is the head: its radius is about 1 and its
centre is 0. Colours, coats, poses, sizes and scenes are drawn at random in the same way for both classes. Only the
shape tells a cat from a dog.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from trainer.errors import ConfigError

LABELS = ("cat", "dog")
_SMALLEST_PX = 32
_SUPERSAMPLING = 2

Colour = tuple[int, int, int]
_BROWN_FURS = ((66, 58, 56), (124, 84, 52), (178, 106, 58))
_FURS = (*_BROWN_FURS, (214, 140, 66), (232, 204, 160), (240, 236, 228), (146, 146, 152))
_EYES = ((120, 178, 82), (222, 176, 60), (104, 160, 206), (142, 94, 50))
_NOSES = ((36, 30, 32), (92, 56, 50), (214, 124, 128))
_PINK = (232, 128, 140)
_WHITE = (250, 248, 244)
_BLACK = (22, 20, 22)
# pose: centre of the picture in head units, how many head units the animal spans
_POSES = {"close-up": (0.0 + 0.15j, 3.6), "sitting": (0.45 + 1.05j, 6.0), "standing": (-1.95 + 1.0j, 6.9)}


@dataclass(frozen=True)
class _Look:
    """What is drawn at random in the same way for both classes. Ratios are 0-1, angles are radians."""

    pose: str
    fur: Colour
    light: Colour
    eye: Colour
    nose: Colour
    collar: Colour | None
    turn_ratio: float
    head_tilt: float
    ear_ratio: float
    has_bib: bool
    has_tongue: bool
    ears_fold: bool

    @property
    def ink(self) -> Colour:
        """Colour of the lines: darker than the fur, or lighter if the fur is nearly black."""
        return _mix(self.fur, _WHITE, 0.38) if sum(self.fur) < 240 else _mix(self.fur, _BLACK, 0.68)


def draw_animal(label: str, seed: int, size: int = 192) -> Image.Image:
    """Draw one cat or dog.

    Args:
        label: `cat` or `dog`.
        seed: 0 or more; the same label, seed and size give the same pixels.
        size: side of the square picture in pixels, 32 or more.

    Returns:
        An RGB picture of `size` x `size` pixels.

    Raises:
        ConfigError: an argument is out of range.
    """
    if label not in LABELS:
        raise ConfigError(f"cannot draw the animal: expected cat or dog, received {label!r}. Change label.")
    if seed < 0 or size < _SMALLEST_PX:
        raise ConfigError(
            f"cannot draw the animal: expected seed 0 or more and size {_SMALLEST_PX} or more, "
            f"received {seed} and {size}."
        )
    return draw(label, np.random.default_rng([seed, LABELS.index(label)]), size, size)


def draw(label: str, rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw one cat or dog with the next random numbers, `width` x `height` pixels, RGB."""
    look = _roll_look(rng)
    canvas = _SCENES[rng.integers(len(_SCENES))](rng, width * _SUPERSAMPLING, height * _SUPERSAMPLING)
    centre, span = _POSES[look.pose]
    size_ratio, mirrored = rng.uniform(0.9, 1.0), bool(rng.random() < 0.5)
    scale = min(canvas.size) / span * size_ratio * np.exp(1j * rng.normal(0, 0.04))
    middle = np.array(canvas.size) * (0.5 + rng.uniform(-0.5, 0.5, 2) * (1.05 - size_ratio))
    origin = complex(*middle) - scale * (-centre.conjugate() if mirrored else centre)
    pen = _Pen(canvas, _coat(rng, look, canvas.size), look.ink, (origin, complex(scale), mirrored))
    _BODIES[look.pose](pen, look, label)
    _HEADS[label](pen.tilted(look.head_tilt), look)
    return _finish(canvas.reduce(_SUPERSAMPLING), rng)


def _roll_look(rng: np.random.Generator) -> _Look:
    fur = _jitter(rng, _pick(rng, _FURS), 14)
    return _Look(
        pose=str(rng.choice(list(_POSES), p=[0.7, 0.25, 0.05])),
        fur=fur,
        light=_mix(fur, _WHITE, rng.uniform(0.2, 0.85)),
        eye=_jitter(rng, _pick(rng, _EYES), 16),
        nose=_pick(rng, _NOSES),
        collar=_any_colour(rng) if rng.random() < 0.3 else None,
        turn_ratio=rng.uniform(0, 1),
        head_tilt=rng.normal(0, 0.1),
        ear_ratio=rng.uniform(0, 1),
        has_bib=bool(rng.random() < 0.5),
        has_tongue=bool(rng.random() < 0.5),
        ears_fold=bool(rng.random() < 0.35),
    )


def _finish(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.4:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.3)))
    pixels = np.asarray(picture, np.float32)
    noise = rng.standard_normal(pixels.shape, np.float32) * rng.uniform(0, 12)
    pixels = (pixels - 128) * rng.uniform(0.75, 1.1) + 128 * rng.uniform(0.8, 1.2) + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[rng.integers(len(colours))]


def _mix(first: Colour, second: Colour, second_ratio: float) -> Colour:
    red, green, blue = (round(a + (b - a) * second_ratio) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _jitter(rng: np.random.Generator, colour: Colour, spread: int) -> Colour:
    red, green, blue = (np.array(colour) + rng.integers(-spread, spread + 1, 3)).clip(0, 255).tolist()
    return red, green, blue


def _any_colour(rng: np.random.Generator) -> Colour:
    return _jitter(rng, (152, 152, 148), 78)


def _clouds(rng: np.random.Generator, size: tuple[int, int], cells: int) -> np.ndarray:
    """Return smooth noise, float32 (H, W) about 0, with `cells` bumps a side."""
    seedlings = rng.standard_normal((cells, cells), np.float32)
    return np.asarray(Image.fromarray(seedlings).resize(size, Image.Resampling.BICUBIC))


def _coat(rng: np.random.Generator, look: _Look, size: tuple[int, int]) -> Image.Image:
    """Return a picture full of fur: plain, striped or patched. Each part of the body shows a piece of it."""
    small = (size[0] // 2, size[1] // 2)
    clouds = _clouds(rng, small, 7)
    coat = rng.choice(("plain", "striped", "patched"))
    if coat == "striped":
        rows, columns = np.indices(clouds.shape, np.float32)
        angle, length_px = rng.uniform(-0.5, 0.5), rng.uniform(0.06, 0.12) * small[0]
        along = columns * math.cos(angle) + rows * math.sin(angle)
        marked = np.sin(along * (2 * math.pi / length_px) + 1.3 * clouds) > 0.35
    else:
        marked = clouds > (0.25 if coat == "patched" else math.inf)
    other = _mix(look.fur, _pick(rng, _FURS), 0.65) if coat == "patched" else _mix(look.fur, _BLACK, 0.4)
    shade = 1 + 0.05 * _clouds(rng, small, 24)[..., None]
    pixels = np.where(marked[..., None], np.array(other, np.float32), np.array(look.fur, np.float32)) * shade
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)


def _gradient(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Return a background that goes from one colour to another, across or down; a third of them are plain."""
    ends = np.array([_any_colour(rng), _any_colour(rng)], np.uint8)
    corners = ends[np.array([[[0, 1], [0, 1]], [[0, 0], [1, 1]], [[0, 0], [0, 0]]])[rng.integers(3)]]
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)


def _meadow(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    picture = Image.new("RGB", (width, height), _jitter(rng, (150, 196, 232), 26))
    draw = ImageDraw.Draw(picture)
    grass, horizon = _jitter(rng, (106, 156, 72), 26), height * rng.uniform(0.45, 0.75)
    for x, y, radius in rng.uniform((0, 0, 20), (width, horizon, 60), (4, 3)):
        draw.ellipse((x - 2 * radius, y - radius, x + 2 * radius, y), fill=_mix(grass, _WHITE, 0.85))
    draw.rectangle((0, horizon, width, height), fill=grass)
    for x, y, length, lean in rng.uniform((0, horizon, 8, -8), (width, height, 28, 8), (110, 4)):
        draw.line((x, y, x + lean, y - length), fill=_mix(grass, _BLACK, rng.uniform(0, 0.4)), width=3)
    return picture


def _room(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    wall, floor = _any_colour(rng), _any_colour(rng)
    picture = Image.new("RGB", (width, height), wall)
    draw = ImageDraw.Draw(picture)
    stripe = int(rng.integers(14, 60))
    for x in range(0, width, 2 * stripe):
        draw.rectangle((x, 0, x + stripe, height), fill=_mix(wall, _WHITE, 0.25))
    draw.rectangle((0, height * rng.uniform(0.65, 0.85), width, height), fill=floor)
    return picture


def _shapes(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    picture = _gradient(rng, width, height)
    draw = ImageDraw.Draw(picture)
    for x, y, radius in rng.uniform((0, 0, 15), (width, height, 90), (int(rng.integers(4, 14)), 3)):
        if rng.random() < 0.5:
            draw.ellipse((x - radius, y - radius * 0.7, x + radius, y + radius * 0.7), fill=_any_colour(rng))
        else:
            sides, degrees = int(rng.integers(3, 6)), float(rng.uniform(0, 90))
            draw.regular_polygon((x, y, radius), sides, degrees, fill=_any_colour(rng))
    return picture


_SCENES = (_gradient, _meadow, _room, _shapes)


def _oval(centre: complex, radius_x: float, radius_y: float, turned: float = 0.0) -> np.ndarray:
    angles = np.linspace(0, 2 * math.pi, 40)
    upright = radius_x * np.cos(angles) + 1j * radius_y * np.sin(angles)
    return np.asarray(centre + np.exp(1j * turned) * upright)


def _blob(*corners: complex) -> np.ndarray:
    """Make a polygon round by cutting its corners three times (Chaikin)."""
    points = np.array(corners, complex)
    for _ in range(3):
        following = np.roll(points, -1)
        points = np.stack((0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following), 1).ravel()
    return np.append(points, points[:1])


def _even_blob(*right: complex) -> np.ndarray:
    return _blob(*right, *(-corner.conjugate() for corner in reversed(right)))


def _bow(*controls: complex) -> np.ndarray:
    """Return 24 points of the Bezier curve with these control points."""
    along, degree = np.linspace(0, 1, 24), len(controls) - 1
    weights = [math.comb(degree, i) * along**i * (1 - along) ** (degree - i) for i in range(degree + 1)]
    return np.asarray(np.array(controls, complex) @ np.array(weights))


def _tube(start_radius: float, end_radius: float, *controls: complex) -> np.ndarray:
    """Return the outline of a bent limb. It is open at its start, inside the body, and round at its end."""
    spine = _bow(*controls)
    ahead = np.gradient(spine)
    ahead /= np.abs(ahead)
    side = 1j * ahead * np.linspace(start_radius, end_radius, len(spine))
    cap = spine[-1] + end_radius * ahead[-1] * np.exp(1j * np.linspace(math.pi / 2, -math.pi / 2, 9))
    return np.concatenate((spine + side, cap, (spine - side)[::-1]))


class _Pen:
    """Draw shapes given in head units on the canvas, moved, turned, scaled and mirrored by a frame."""

    def __init__(
        self, canvas: Image.Image, coat: Image.Image, ink: Colour, frame: tuple[complex, complex, bool]
    ) -> None:
        self.canvas, self.coat, self.ink = canvas, coat, ink
        self.origin, self.scale, self.mirrored = frame
        self.draw = ImageDraw.Draw(canvas)

    def tilted(self, angle: float) -> "_Pen":
        """Return a pen for the head, turned about its centre by `angle` radians."""
        turned = self.scale * np.exp(-1j * angle if self.mirrored else 1j * angle)
        return _Pen(self.canvas, self.coat, self.ink, (self.origin, complex(turned), self.mirrored))

    def _place(self, shape: np.ndarray) -> np.ndarray:
        return np.asarray(self.origin + self.scale * (-shape.conj() if self.mirrored else shape))

    def _points(self, shape: np.ndarray, corner: complex = 0) -> list[tuple[float, float]]:
        placed = self._place(shape) - corner
        return list(zip(placed.real.tolist(), placed.imag.tolist(), strict=True))

    def fur(self, shape: np.ndarray) -> None:
        """Fill with the coat and outline."""
        placed = self._place(shape)
        left, top = math.floor(placed.real.min()), math.floor(placed.imag.min())
        box = (left, top, math.ceil(placed.real.max()) + 1, math.ceil(placed.imag.max()) + 1)
        mask = Image.new("L", (box[2] - left, box[3] - top))
        ImageDraw.Draw(mask).polygon(self._points(shape, complex(left, top)), fill=255)
        self.canvas.paste(self.coat.crop(box), (left, top), mask)
        self.line(shape)

    def fill(self, shape: np.ndarray, colour: Colour) -> None:
        self.draw.polygon(self._points(shape), fill=colour)

    def line(self, shape: np.ndarray, width: float = 0.055, colour: Colour | None = None) -> None:
        width_px = max(2, round(width * abs(self.scale)))
        self.draw.line(self._points(shape), fill=colour or self.ink, width=width_px, joint="curve")


def _sitting(pen: _Pen, look: _Look, label: str) -> None:
    long_tail = _tube(0.2, 0.13, 0.7 + 3.3j, 2.3 + 3.7j, 2.9 + 2.2j, 1.5 + 1.6j, 2.3 + 0.6j)
    short_tail = _tube(0.34, 0.14, 0.7 + 3.2j, 1.6 + 3.2j, 2.1 + 2.6j, 2.0 + 2.0j)
    pen.fur(long_tail if label == "cat" else short_tail)
    pen.fur(_even_blob(0.5 + 0.3j, 0.95 + 1.4j, 1.4 + 3.9j))
    for side in (-1, 1):
        pen.fur(_oval(side * 0.95 + 3.1j, 0.48, 0.68))
        pen.fur(_oval(side * 1.1 + 3.68j, 0.42, 0.2))
    if look.has_bib:
        pen.fill(_oval(1.55j, 0.5, 0.75), look.light)
    for side in (-1, 1):
        pen.fur(_tube(0.27, 0.25, side * 0.36 + 2.0j, side * 0.36 + 3.4j))
        pen.fur(_oval(side * 0.38 + 3.66j, 0.34, 0.21))
    if look.collar:
        pen.line(_bow(-0.72 + 0.85j, 1.35j, 0.72 + 0.85j), 0.2, look.collar)


def _standing(pen: _Pen, look: _Look, label: str) -> None:
    long_tail = _tube(0.2, 0.13, -3.5 + 1.1j, -5.0 + 1.4j, -5.2 - 0.5j, -4.3 - 0.8j, -5.1 - 1.9j)
    short_tail = _tube(0.34, 0.13, -3.5 + 1.2j, -4.4 + 1.0j, -4.8 + 0.3j, -4.5 - 0.3j)
    pen.fur(long_tail if label == "cat" else short_tail)
    for x in (-1.35, -3.05):
        pen.fur(_tube(0.36, 0.25, x + 1.8j, x - 0.1 + 2.8j, x + 3.6j))
    under = (0.4 + 1.9j, -0.7 + 2.6j, -3.0 + 2.2j, -4.2 + 2.4j)
    pen.fur(_blob(0.3 + 0.4j, *under, -4.1 + 0.5j, -1.4 + 0.8j, -0.6 + 0.1j))
    if look.has_bib:
        pen.fill(_oval(-0.02 + 1.5j, 0.28, 0.5, 0.3), look.light)
    for x in (-0.7, -3.55):
        pen.fur(_tube(0.4, 0.26, x + 1.9j, x - 0.1 + 2.9j, x + 3.75j))
        pen.fur(_oval(x + 0.14 + 3.86j, 0.38, 0.2))
    if look.collar:
        pen.line(_bow(-0.9 + 0.6j, -0.3 + 1.4j, 0.35 + 1.0j), 0.2, look.collar)


_BODIES = {"close-up": _sitting, "sitting": _sitting, "standing": _standing}


def _eye(pen: _Pen, look: _Look, eye: np.ndarray, pupil: np.ndarray) -> None:
    pen.fill(eye, look.eye)
    pen.line(eye)
    pen.fill(pupil, _BLACK)
    pen.fill(_oval(complex(pupil.mean()) + 0.06 - 0.08j, 0.04, 0.04), _WHITE)


def _cat_head(pen: _Pen, look: _Look) -> None:
    ahead = 0.26 * look.turn_ratio
    tip = 1.4 + 0.35 * look.ear_ratio
    for side in (-1, 1):
        corners = np.array([0.22 * side - 0.8j, 0.85 * side - 1j * tip, 1.02 * side - 0.25j])
        pen.fur(corners)
        pen.fill(corners * 0.6 + (0.26 * side - 0.34j), _mix(look.fur, _PINK, 0.6))
    pen.fur(_even_blob(0.7 - 1.0j, 1.25 - 0.2j, 1.3 + 0.6j, 0.5 + 1.0j))
    for side in (-1, 1):
        eye = side * 0.42 + ahead - 0.12j
        _eye(pen, look, _oval(eye, 0.25, 0.2, -0.25 * side), _oval(eye, 0.06, 0.18))
    for side in (-1, 1):
        pen.fill(_oval(side * 0.18 + ahead + 0.47j, 0.25, 0.19), look.light)
        pen.line(_bow(ahead + 0.4j, ahead + side * 0.05 + 0.62j, ahead + side * 0.32 + 0.58j))
        for rise in (-0.22, 0.0, 0.22):
            root = ahead + side * 0.34 + (0.46 + rise * 0.3) * 1j
            pen.line(_bow(root, root + side * 0.5 + rise * 0.6j, root + side * 1.05 + rise * 1.6j), 0.03)
    pen.fill(ahead + np.array([-0.13 + 0.25j, 0.13 + 0.25j, 0.42j]), look.nose)


def _dog_head(pen: _Pen, look: _Look) -> None:
    ahead = 0.2 * look.turn_ratio
    snout = 1.05 * look.turn_ratio + 0.55j
    pen.fur(_even_blob(0.6 - 1.1j, 1.0 - 0.4j, 0.95 + 0.6j, 0.45 + 1.0j))
    for side in (-1, 1):
        pen.fur(_dog_ear(look, side))
    for side in (-1, 1):
        eye = side * 0.36 + ahead - 0.25j
        _eye(pen, look, _oval(eye, 0.19, 0.19), _oval(eye, 0.12, 0.12))
    if look.has_tongue:
        pen.fill(_tube(0.18, 0.2, snout + 0.25j, snout - 0.1 + 0.8j), _PINK)
    muzzle = _tube(0.5, 0.42, ahead + 0.42j, snout - 0.02j, snout)
    pen.fill(_oval(ahead + 0.42j, 0.5, 0.5), look.light)
    pen.fill(muzzle, look.light)
    pen.line(muzzle[12:-12])
    nose = snout + 0.12 * look.turn_ratio - 0.22j
    pen.fill(_oval(nose, 0.25, 0.18), look.nose)
    pen.line(_bow(nose, snout + 0.1j, snout + 0.2j))
    smile = np.array([-0.3 + 0.15j, -0.15 + 0.35j, 0.2j, 0.15 + 0.35j, 0.3 + 0.15j])
    pen.line(_bow(*(snout + smile)))


def _dog_ear(look: _Look, side: int) -> np.ndarray:
    drop = 0.5 + 0.6 * look.ear_ratio
    if look.ears_fold:
        right = _blob(0.25 - 0.85j, 0.5 - 1.5j, 0.95 - 1.5j, 1.5 - 0.5j, 1.1 - 0.5j, 0.85 - 0.5j)
    else:
        right = _blob(0.4 - 1.0j, 0.9 - 1.15j, 1.3 - 0.4j, 1.45 + drop * 1j, 0.85 + drop * 1j, 0.8 - 0.2j)
    return right if side == 1 else -right.conj()


_HEADS = {"cat": _cat_head, "dog": _dog_head}

"""Vectors as images side by side."""

import numpy as np


def mosaic(values: np.ndarray, shape: tuple[int, int] | None, columns: int | None) -> np.ndarray:
    """Return one image of all rows of ``values (M, n)``, with NaN between them.

    Parameters
    ----------
    values : np.ndarray
        Each row one image.
    shape : pair of int or None
        Rows and columns of an image, with n as their product; square where None.
    columns : int or None
        Images in a row; all where None.

    Raises
    ------
    ValueError
        If ``shape`` does not fit.
    """
    num, size = values.shape
    side = round(size**0.5)
    rows, cols = (side, side) if shape is None else shape
    if rows * cols != size:
        raise ValueError(f"shape must be of {size} numbers, got {(rows, cols)}")
    across = num if columns is None else min(columns, num)
    down = -(-num // across)
    canvas = np.full((down * (rows + 1) - 1, across * (cols + 1) - 1), np.nan)
    for i, image in enumerate(values):
        top, left = i // across * (rows + 1), i % across * (cols + 1)
        canvas[top : top + rows, left : left + cols] = image.reshape(rows, cols)
    return canvas

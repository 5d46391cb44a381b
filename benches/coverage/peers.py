"""The same promise asked of other libraries: coverage of 95 % intervals by scipy's t and by ppi-python, on shapes of
docs/trust.md. Prints rows of a Markdown table. Usage: peers.py WORLDS (called by `--write` in an environment of its own)."""

import sys

import numpy as np

WORLDS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
rng = np.random.default_rng(20260)
SHAPES = {
    "symmetric": ([0, -1, 1, -2, 2], [0.54, 0.21, 0.21, 0.02, 0.02]),
    "ceiling": ([0, -1, 1, -2, 2], [0.70, 0.17, 0.09, 0.03, 0.01]),
    "10 % break": ([0, -4], [0.9, 0.1]),
    "5 % break": ([0, -4], [0.95, 0.05]),
    "two values": ([0, -4, 4], [0.75, 0.15, 0.10]),
}


def row(peer, figure, shape, n, held, width):
    print(f"| {peer} | {figure} | {shape} | {n} | {np.mean(held):.3f} | {np.mean(width):.2f} |")


def student():
    from scipy import __version__, stats

    for name, (values, chances) in SHAPES.items():
        truth = float(np.dot(values, chances))
        for n in (10, 30, 60):
            held, width = [], []
            for _ in range(WORLDS):
                x = rng.choice(values, n, p=chances)
                se = x.std(ddof=1) / np.sqrt(n)
                lo, hi = stats.t.interval(0.95, n - 1, x.mean(), se) if se > 0 else (x.mean(), x.mean())
                held.append(lo - 1e-9 <= truth <= hi + 1e-9)
                width.append(hi - lo)
            row(f"scipy {__version__}, t", "paired difference", name, n, held, width)


def ppi():
    from importlib.metadata import version

    from ppi_py import ppi_mean_ci

    for name, (values, chances) in SHAPES.items():
        truth = float(np.dot(values, chances))
        for n in (10, 30, 60):
            held, width = [], []
            for _ in range(WORLDS):
                y = rng.choice(values, 150, p=chances).astype(float)
                f = np.where(rng.random(150) < 0.25, 0.0, y) + (rng.random(150) < 0.7)
                f = np.clip(f, -4, 4)
                lo, hi = ppi_mean_ci(y[:n], f[:n], f[n:], alpha=0.05)
                lo, hi = float(np.ravel(lo)[0]), float(np.ravel(hi)[0])
                held.append(lo - 1e-9 <= truth <= hi + 1e-9)
                width.append(hi - lo)
            row(f"ppi-python {version('ppi-python')}", "corrected difference, 150 cases", name, n, held, width)


for peer in (student, ppi):
    try:
        peer()
    except Exception as why:  # what cannot be had is left out, and said
        print(f"| {peer.__name__} | left out: {type(why).__name__} | - | - | - | - |")
print("| GLIDE | left out: no package of that name for this Python | - | - | - | - |")

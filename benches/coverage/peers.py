"""The same promise asked of other libraries: coverage of 95 % intervals by scipy's t, ppi-python and GLIDE (which needs
Python 3.12), on shapes of docs/trust.md. Prints rows of a Markdown table. Usage: peers.py WORLDS (called by `--write` in an environment of its own)."""

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


def corrected(peer, interval):
    """An interval of (people's labels, the judge on the same, the judge on the others)."""
    for name, (values, chances) in SHAPES.items():
        truth = float(np.dot(values, chances))
        for n in (10, 30, 60):
            held, width, none = [], [], 0
            for _ in range(WORLDS):
                y = rng.choice(values, 150, p=chances).astype(float)
                f = np.where(rng.random(150) < 0.25, 0.0, y) + (rng.random(150) < 0.7)
                f = np.clip(f, -4, 4)
                ends = interval(y[:n], f[:n], f[n:])
                if ends is None:
                    none += 1
                    continue
                lo, hi = ends
                held.append(lo - 1e-9 <= truth <= hi + 1e-9)
                width.append(hi - lo)
            refused = f" (refused in {none / WORLDS:.2f})" if none else ""
            row(peer, f"corrected difference, 150 cases{refused}", name, n, held, width)


def ppi():
    from importlib.metadata import version

    from ppi_py import ppi_mean_ci

    def interval(y, f, others):
        lo, hi = ppi_mean_ci(y, f, others, alpha=0.05)
        return float(np.ravel(lo)[0]), float(np.ravel(hi)[0])

    corrected(f"ppi-python {version('ppi-python')}", interval)


def glide():
    from importlib.metadata import version

    from glide.estimators import PPIMeanEstimator

    def interval(y, f, others):
        try:
            truth = np.concatenate([y, np.full(len(others), np.nan)])
            found = PPIMeanEstimator().estimate(truth, np.concatenate([f, others]))
        except ValueError:  # labels or scores that are all alike
            return None
        ends = found.confidence_interval
        return float(ends.lower_bound), float(ends.upper_bound)

    corrected(f"GLIDE (glide-py {version('glide-py')})", interval)


for peer in (student, ppi, glide):
    try:
        peer()
    except Exception as why:  # what cannot be had is left out, and said
        print(f"| {peer.__name__} | left out: {type(why).__name__} | - | - | - | - |")

"""Forged certificates: is one accepted that claims less than there is? Is an honest one refused?

A seeded search that knows the code. It makes systems whose coordinates have units from 1e-9 to 1e9, networks
for them, plain, with spikes at a corner, with errors hidden in a part of the box or with huge numbers inside,
and certificates in which any entry may be a lie: bounds cut by any factor with a witness that fits, lucky
seeds, confidences and coverages that say nothing, few points, single outputs, the other dtype, points outside
the box, what is no number, and targets solved loosely. A certificate counts as a forgery if it claims less
than there is at 10,000 fresh points by more than the slack that `check` states. Honest ones are made as if on
another machine: sums in the opposite order, and the flow by other steps; left out are those whose claims are
within twenty times what rounding and the solver leave to tell, which `check` may refuse, and says why.

    python benchmarks/attack_forgeries.py --seconds 600 --seed 1
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from time import perf_counter

import numpy as np

import vanillaflow as vf
from vanillaflow.certificates.binomial import smallest_fraction
from vanillaflow.certificates.checking import SEARCH
from vanillaflow.certificates.evaluation import evaluator
from vanillaflow.certificates.measurement import PART
from vanillaflow.certificates.resolution import rounding, solver_errors
from vanillaflow.certificates.sampled import certify_sampled
from vanillaflow.certificates.statistical import certify_statistical, fresh_points
from vanillaflow.network.precision import rounded_layers

METHODS = ("sampled", "statistical", "rigorous")
DTYPES = ("float32", "float64")
# Of an honest proof: what is not proved with so few is a looser bound, and a proof all the same.
MOST_CELLS = 2000
JUDGE_POINTS, JUDGE_RISK = 10_000, 1e-6
# In units of the box: z are the coordinates x over their units. No products of several coordinates: as
# sums of squares of sums they round in the largest unit, and the solver takes minutes.
SYSTEMS = {
    "decay": (["-z0"], 1.0),
    "logistic": (["z0*(0.5 - z0)"], 0.7),
    "pendulum": (["z1", "-sin(z0) - 0.2*z1"], 0.6),
    "oscillator": (["z1", "-z0"], 0.8),
    "frozen": (["-z0", "0*z1"], 1.0),
    "driven": (["z1", "-z0 + 0.3*sin(z2)", "-0.5*z2"], 0.4),
}


def system(name: str, units: np.ndarray, rtol: float = 1e-10) -> vf.FlowMap:
    """One of them, with coordinates in these units."""
    rates, duration = SYSTEMS[name]
    equations = {}
    for i, rate in enumerate(rates):
        for j, unit in enumerate(units.tolist()):
            rate = rate.replace(f"z{j}", f"(x{j}/{unit!r})")
        equations[f"x{i}"] = f"{float(units[i])!r}*({rate})"
    box = vf.Box(-units, units)
    return vf.FlowMap(vf.from_equations(equations), duration, box, name=name, rtol=rtol)


def network(target: vf.FlowMap, kind: str, rng: np.random.Generator) -> vf.PlanarFlow:
    """The affine map that fits the flow best, with what the kind adds: errors of a few percent, or spikes."""
    box, d = target.domain, target.dim
    units = box.high
    x = box.sample(256, int(rng.integers(2**31)))
    fit, *_ = np.linalg.lstsq(np.c_[x / units, np.ones(256)], target(x) / units, rcond=None)
    w = rng.normal(size=(1, d))
    a = rng.normal(size=(1, d))
    a -= (a @ w.T) * w / np.sum(w**2)
    if d == 1:
        a = np.abs(a) * np.sign(w)
    reach = np.abs(w).sum()
    if kind == "spike":  # On a corner of the box, up to 1e-12 of it, and without limit.
        t, a = reach * (1 - 10 ** rng.uniform(-6, -1)), a * 10 ** rng.uniform(2, 14)
    elif kind == "hidden":  # On a part of the box that few points find.
        t, a = reach * (1 - 10 ** rng.uniform(-2, -0.3)), a * 10 ** rng.uniform(-1, 1)
    elif kind == "bad":  # Everywhere.
        t, a = -reach, a * 10 ** rng.uniform(-2, 0.5)
    else:
        t, a = rng.uniform(-0.5, 0.5) * reach, a * 0.02
    M = units[:, None] * fit[:-1].T / units
    return vf.PlanarFlow(a * units, w / units, [t], [0], M[None], (units * fit[-1])[None], domain=box)


def huge(flow: vf.FeedforwardNetwork, rng: np.random.Generator) -> vf.FeedforwardNetwork:
    """The same function in exact arithmetic, with numbers inside that rounding does not survive."""
    weights, biases = [np.array(W) for W in flow.weights], [np.array(b) for b in flow.biases]
    if len(weights) > 1 and flow.dialect == "relu":
        shift = 10 ** rng.uniform(3, 12) * np.abs(biases[0]).max()
        biases[0] += shift
        biases[1] -= weights[1] @ np.full(len(biases[0]), shift)
    return vf.FeedforwardNetwork(weights, biases, flow.slopes, flow.domain, dialect=flow.dialect)


def elsewhere(flow: vf.FeedforwardNetwork | vf.PlanarFlow, dtype: str) -> Callable[[np.ndarray], np.ndarray]:
    """What another machine makes of it: every sum begins with the bias and ends with the first product."""
    if isinstance(flow, vf.PlanarFlow):
        return flow
    weights, biases, slopes = rounded_layers(flow, dtype)

    def evaluate(x: np.ndarray) -> np.ndarray:
        y = np.asarray(x).astype(dtype)
        for number, (W, b) in enumerate(zip(weights, biases)):
            z = np.broadcast_to(b, (len(y), len(b))).copy()
            for column in reversed(range(W.shape[1])):
                z += y[:, column, None] * W[:, column]
            y = np.maximum(z, slopes[number] * z) if number < len(slopes) else z
        return y.astype(np.float64)

    return evaluate


def honest(
    flow: vf.FeedforwardNetwork | vf.PlanarFlow, target: vf.FlowMap, method: str, dtype: str, seed: int
) -> vf.Certificate:
    """A certificate; of the methods that measure, with the numbers of another machine."""
    if method == "rigorous":
        return vf.certify(
            flow, target, method, seed=seed, dtype=dtype, factor=1.5, max_cells=MOST_CELLS, max_seconds=5.0
        )
    few = {"points": 64, "rounds": 0} if method == "sampled" else {"points": 64}
    certificate = vf.certify(flow, target, method, seed=seed, dtype=dtype, **few)
    there = elsewhere(flow, dtype)
    other = target.finer(1.7)
    if method == "statistical":
        made = certify_statistical(there, other, seed=seed)
    else:
        options = {} if isinstance(flow, vf.PlanarFlow) else {"points": 2**15, "starts": 48, "rounds": 40}
        made = certify_sampled(there, other, seed=seed, each_output=True, **options)
    names = (
        "bound",
        "largest",
        "per_output",
        "worst_point",
        "points",
        "confidence",
        "coverage",
        "solver_error",
    )
    return replace(certificate, seed=seed, **{name: getattr(made, name) for name in names})


def false(certificate: vf.Certificate, errors: np.ndarray) -> bool:
    """Does it claim less than the errors (n, 1 + d) at fresh points, by more than the stated slack?"""
    claims = np.array([certificate.bound, *np.broadcast_to(certificate.per_output, errors.shape[1] - 1)])
    if not np.isfinite(claims).all():
        return True
    part = SEARCH if certificate.method == "sampled" else PART
    exceeding = (errors > (1 + part) * claims).sum(axis=0)
    if certificate.method != "statistical":
        return bool(exceeding.any())
    allowed = 1 - (certificate.coverage or 0.0)
    return any(smallest_fraction(int(k), len(errors), 1 - JUDGE_RISK) > allowed for k in exceeding)


def altered(certificate: vf.Certificate, **entries: object) -> vf.Certificate:
    """With other entries, whatever their types and shapes are."""
    lie = copy(certificate)
    vars(lie).update(entries)
    return lie


def witness(errors: np.ndarray, x: np.ndarray, claim: float) -> tuple[np.ndarray, float]:
    """The point whose error is nearest to a claim, and its error."""
    nearest = int(np.argmin(np.abs(errors[:, 0] - claim)))
    return x[nearest], float(errors[nearest, 0])


def forgery(
    true: vf.Certificate, target: vf.FlowMap, x: np.ndarray, errors: np.ndarray, rng: np.random.Generator
) -> tuple[str, vf.Certificate]:
    """The certificate with lies: each kind of lie as likely, combined with others at random."""
    cut = float(10 ** rng.choice([rng.uniform(-9, -1), rng.uniform(-1, -0.06)]))
    point, largest = witness(errors, x, cut * true.bound)
    cuts = {"bound": largest, "largest": largest, "worst_point": point, "per_output": true.per_output * cut}
    kind = str(rng.choice(LIES[true.method]))
    if kind == "cut":
        lie = {"bound": cut * true.bound, "largest": cut * true.bound, "per_output": true.per_output * cut}
    elif kind == "witness":
        lie = cuts
    elif kind == "one output":
        per_output = true.per_output.copy()
        per_output[rng.integers(len(per_output))] *= cut
        lie = {"per_output": per_output}
    elif kind == "outputs":
        lie = {"per_output": np.full(1, cut) if rng.random() < 0.5 else true.per_output * cut}
    elif kind == "outside":
        lie = cuts | {"worst_point": 3.0 * target.domain.high}
    elif kind == "no number":
        lie = {str(rng.choice(["bound", "largest"])): float(rng.choice([np.nan, np.inf, -1.0]))}
    elif kind == "solver":
        lie = cuts | {"solver_error": float(10 ** rng.uniform(-15, 6))}
    elif kind == "confidence":
        lie = cuts | {"confidence": float(10 ** rng.uniform(-12, -0.01))}
    elif kind == "coverage":
        lie = cuts | {"coverage": float(rng.choice([10 ** rng.uniform(-9, -0.01), 0.5, 0.9, 0.99]))}
        lie |= {"confidence": float(rng.choice([0.5, 0.9, 0.999]))}
    else:  # lucky: few points, and the best of many seeds.
        few = int(rng.choice([1, 2, 3, 5, 10]))
        drawn = {s: fresh_points(target, few, s)[0] for s in range(200)}
        near = min(drawn, key=lambda s: _typical(drawn[s], x, errors))
        return kind, altered(true, points=few, seed=near, coverage=0.5, confidence=0.5, **cuts)
    return kind, altered(true, **lie)


def _typical(drawn: np.ndarray, x: np.ndarray, errors: np.ndarray) -> float:
    """The error at points, told from that of the nearest points x."""
    width = np.ptp(x, axis=0)
    nearest = np.argmin(np.abs((drawn[:, None] - x[None, :500]) / width).max(axis=2), axis=1)
    return float(errors[nearest, 0].max())


LIES = {
    "sampled": ("cut", "witness", "one output", "outputs", "outside", "no number"),
    "statistical": ("cut", "witness", "one output", "outputs", "outside", "no number", "solver", "confidence",
                    "coverage", "lucky"),
    "rigorous": ("cut", "witness", "one output", "outputs", "outside", "no number"),
}  # fmt: skip


def cases(seed: int, dtype_of: Callable[[np.random.Generator], str] | None = None) -> Iterator[tuple]:
    """Without end: a target, a network, its dtype, its kind, and the generator."""
    number = 0
    while True:
        rng = np.random.default_rng([seed, number])
        number += 1
        name = str(rng.choice(list(SYSTEMS)))
        d = len(SYSTEMS[name][0])
        units = 10.0 ** rng.uniform(-9, 9, d) if rng.random() < 0.6 else np.ones(d)
        loose = float(10 ** rng.uniform(-6, -1)) if rng.random() < 0.2 else 1e-10
        target = system(name, units, loose)
        kind = str(rng.choice(["plain", "plain", "spike", "hidden", "bad", "huge"]))
        flow: vf.PlanarFlow | vf.FeedforwardNetwork = network(target, kind, rng)
        dtype = str(rng.choice(DTYPES))
        if dtype == "float32" or rng.random() < 0.5 or kind == "huge":
            try:
                flow = flow.to_network(
                    "relu" if kind in ("huge", "spike") else str(rng.choice(["leaky_relu", "prelu"]))
                )
                flow = huge(flow, rng) if kind == "huge" else flow
                rounded_layers(flow, dtype)
            except ValueError:
                continue
        yield target, flow, dtype, kind, loose, rng


def attacks(method: str, seed: int) -> Iterator[tuple[str, bool, str]]:
    """Without end: the kind of a forgery or of an honest certificate, whether `check` was wrong, and why."""
    for target, flow, dtype, kind, loose, rng in cases(seed):
        x = target.domain.uniform(JUDGE_POINTS, int(rng.integers(2**31)))
        exact = replace_rtol(target)
        of_outputs = np.abs(evaluator(flow, dtype)(x) - exact(x))
        errors = np.c_[of_outputs.max(axis=1), of_outputs]
        proof = method == "rigorous"
        if proof and (kind != "plain" or target.dim > 2 or rng.random() < 0.5):
            # A proof takes seconds; most forgeries need none.
            true = stand_in(flow, target, dtype, errors)
        else:
            true = honest(flow, target, method, dtype, int(rng.integers(2**31)))
            if not np.isfinite(true.bound):
                continue
            if kind in ("plain", "hidden") and loose == 1e-10 and resolved(true, flow, target, x[:256]):
                yield (
                    "honest",
                    not accepted(true, flow, target, rng),
                    f"{target.name} {target.domain} {dtype}",
                )
        for _ in range(4):
            lie_kind, lie = forgery(true, target, x, errors, rng)
            if rng.random() < 0.1:
                lie = altered(lie, dtype="float64" if lie.dtype == "float32" else "float32")
            if false(lie, errors):
                what = f"{method} {kind} {lie_kind} {target.name} {target.domain} rtol {loose:g} {lie.dtype}"
                yield lie_kind, accepted(lie, flow, target, rng), what


def replace_rtol(target: vf.FlowMap) -> vf.FlowMap:
    return target.finer(target.rtol / 1e-10) if target.rtol > 1e-10 else target


def resolved(certificate: vf.Certificate, flow: object, target: vf.FlowMap, x: np.ndarray) -> bool:
    """Are its claims above what rounding and the solver leave to tell? Those that are not may be refused."""
    off = 4 * solver_errors(target, x) + 4 * rounding(flow, certificate.dtype, target, x)
    claims = np.array([certificate.largest, *certificate.per_output])
    return bool(np.all(PART * claims >= np.array([off.max(), *off.max(axis=0)])))


def stand_in(flow: object, target: vf.FlowMap, dtype: str, errors: np.ndarray) -> vf.Certificate:
    """A rigorous certificate of the errors found, which nobody has proved."""
    sampled = vf.certify(flow, target, "sampled", dtype=dtype, points=64, rounds=0)
    return replace(
        sampled, method="rigorous", confidence=1.0, bound=1.2 * float(errors[:, 0].max()),
        per_output=1.2 * errors[:, 1:].max(axis=0),
    )  # fmt: skip


def accepted(certificate: vf.Certificate, flow: object, target: vf.FlowMap, rng: np.random.Generator) -> bool:
    global why
    try:
        why = certificate.check(flow, target, seed=int(rng.integers(2**31)))
    except vf.CertificateRefused as refusal:
        why = str(refusal)
        return False
    return True


why = ""


def run(seconds: float, seed: int, show: bool = False) -> list[tuple[str, int, int]]:
    """Of each method: forgeries tried and accepted, honest certificates tried and refused."""
    rows = []
    for method in METHODS:
        begun, tried, bad = perf_counter(), Counter(), Counter()
        for kind, wrong, what in attacks(method, seed):
            group = "honest certificates refused" if kind == "honest" else "forgeries accepted"
            tried[group] += 1
            bad[group] += wrong
            if show and wrong:
                print(f"WRONG {group}: {kind}: {what}: {why}", flush=True)
            if perf_counter() - begun > seconds / len(METHODS):
                break
        found = [(f"{method}: {group}", tried[group], bad[group]) for group in sorted(tried)]
        rows += found
        if show:
            print(*(f"{what:45} {count:6} {wrong:4}" for what, count, wrong in found), sep="\n", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = run(options.seconds, options.seed, show=True)
    sys.exit(any(bad for _, _, bad in rows))


if __name__ == "__main__":
    main()

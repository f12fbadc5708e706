"""Certificates for tests: a random one, and what JSON becomes of it."""

import json

import numpy as np

from vanillaflow import Box, Certificate
from vanillaflow.certificates.certificate_file import to_json
from vanillaflow.files.checksum import checksum


def random_certificate(seed: int, method: str = "statistical", d: int = 2) -> Certificate:
    rng = np.random.default_rng(seed)
    box = Box(-rng.uniform(0.1, 3, d), rng.uniform(0.1, 3, d))
    largest = float(rng.uniform(0, 1))
    statistical = method == "statistical"
    return Certificate(
        method=method,
        bound=largest / 3 if statistical else largest,
        per_output=largest * rng.uniform(0, 1, d),
        worst_point=box.uniform(1, seed)[0],
        confidence=float(rng.uniform(0.5, 1)) if statistical else 0.0,
        points=int(rng.integers(1, 10**6)),
        largest=largest,
        coverage=float(rng.uniform(0.1, 1)) if statistical else None,
        solver_error=float(rng.uniform(0, 1e-9)) if statistical else None,
        seed=int(rng.integers(2**32)),
        dtype=str(rng.choice(["float32", "float64"])),
        network_hash=rng.bytes(32).hex(),
        system="damped pendulum — θ",
        system_hash=rng.bytes(32).hex(),
        duration=float(rng.uniform(0.1, 10)),
        box=box,
        reference="the ODE solver DOP853",
        seconds=float(rng.uniform(0, 10)),
    )


def signed(values: dict) -> str:
    """JSON of the entries with a checksum that fits them."""
    values = {name: value for name, value in values.items() if name != "sha256"}
    return json.dumps(values | {"sha256": checksum(values, {})})


def entries(certificate: Certificate) -> dict:
    """The entries of its JSON file."""
    return json.loads(to_json(certificate))

"""Is a pendulum slow after one unit of time? Three questions about an ODE, answered by proof.

    python examples/verify_property.py

The network's error is proved over the whole box; with it as a margin, what holds of the network holds of the
ODE. The second property fails, and a starting point shows it. The third is decided by a smaller tolerance.
"""

import vanillaflow as vf

STARTS = vf.Box([0.0, 0.0], [0.5, 0.5])  # angle, velocity
PROPERTIES = [
    vf.Property.always(STARTS, A=[[0, 1]], b=[0.4], name="velocity below 0.4"),
    vf.Property.always(STARTS, A=[[0, -1]], b=[0.3], name="velocity above -0.3"),
    vf.Property.always(STARTS, A=[[0, 1]], b=[0.23], name="velocity below 0.23"),
]


def main(tolerances: tuple[float, ...] = (5e-2, 1e-2)) -> list[list[str]]:
    """The verdicts at each of the tolerances."""
    target = vf.zoo.pendulum().target()
    verdicts = []
    for tol in tolerances:
        flow = vf.compile(target, tol)
        certificate = vf.certify(flow, target, method="rigorous")
        print(f"compiled to within {tol:g}, {flow.kinks} kinks. {certificate.statement}")
        found = [vf.verify(flow, target, each, certificate) for each in PROPERTIES]
        print("\n".join(f"  {verdict}" for verdict in found))
        hull = vf.reach(flow, target, STARTS, certificate).hull
        print(f"  reachable: within {hull}\n")
        verdicts.append([verdict.status for verdict in found])
    return verdicts


if __name__ == "__main__":
    main()

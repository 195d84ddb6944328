"""How XGBoost's threads wait for each other."""

from __future__ import annotations

import os


def let_threads_sleep() -> None:
    """Let threads that wait for each other sleep; to be called before XGBoost is imported.

    They wait at every step, and by default they do so at full speed: where other work wants the
    same cores, such as a second training, a training then takes several times as long. OpenMP reads
    the policy once, as XGBoost loads it; a policy that is set already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

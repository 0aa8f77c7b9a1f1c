"""The highest rate that loses nearly nothing: what RFC 2544 26.1 calls throughput."""

PRECISION = 0.03  # of the highest rate that is still possible
STEPS_MOST = 12  # a tunnel that passes nothing at all shall not be asked for ever


def highest_rate(passes, upper):
    """By bisection, the highest rate below `upper` for which passes(rate) holds; 0 when none does.

    A rate that fails is tried once more: on a machine that does other things as well, a loss may be
    nobody's fault, whereas a success is never an accident."""
    passed, failed = 0.0, upper
    for _ in range(STEPS_MOST):
        if failed - passed <= PRECISION * failed:
            break
        rate = (passed + failed) / 2
        if passes(rate) or passes(rate):
            passed = rate
        else:
            failed = rate
    return passed

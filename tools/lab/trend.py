"""Whether a series of measurements rises, however it jitters."""

import statistics


def slope(series):
    """The Theil-Sen estimator of a series of (time, value): the median of the slopes between all
    pairs of points. A third of the points may lie anywhere without moving it much, so neither a
    spike nor a single step passes for a trend."""
    slopes = [(value - earlier_value) / (time - earlier_time)
              for index, (time, value) in enumerate(series)
              for earlier_time, earlier_value in series[:index] if time > earlier_time]
    if not slopes:
        raise ValueError("a trend needs two points in time")
    return statistics.median(slopes)


def rise(series):
    """By how much the series has risen from its beginning to its end, as its slope has it."""
    times = [time for time, _ in series]
    return slope(series) * (max(times) - min(times))

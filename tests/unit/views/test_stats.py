from nbcontainer.values import replace
from nbcontainer.views.stats import Sample, cpu_percent, stats_row, still_row

S = 1_000_000_000
BEFORE = Sample("a" * 64, "web", 10 * S, 2 * S, 1 << 20, 4 << 20, 3, (1500, 2500), (0, 8192))
NOW = replace(BEFORE, at_ns=12 * S, cpu_ns=5 * S)


def test_the_share_of_a_processor_is_that_between_two_moments():
    assert cpu_percent(BEFORE, NOW) == 150.0
    assert cpu_percent(None, NOW) == 0.0
    assert cpu_percent(NOW, NOW) == 0.0
    # a container that was started anew counts from nothing
    assert cpu_percent(BEFORE, replace(NOW, cpu_ns=0)) == 0.0
    assert cpu_percent(BEFORE, replace(NOW, cpu_ns=None)) is None


def test_the_row_reads_as_dockers():
    row = stats_row(BEFORE, NOW)
    assert {key: value for key, value in row.items() if not callable(value)} == {
        "Container": "a" * 12, "ID": "a" * 12, "Name": "web", "CPUPerc": "150.00%",
        "MemUsage": "1MiB / 4MiB", "MemPerc": "25.00%", "NetIO": "1.5kB / 2.5kB",
        "BlockIO": "0B / 8.19kB", "PIDs": "3",
    }  # fmt: skip
    figures = {"CPUPerc": 150.0, "MemPerc": 25.0, "NetIO": 0.0, "BlockIO": 0.0, "PIDs": 3.0}
    assert row["Figures"]() == figures
    busy = stats_row(BEFORE, replace(NOW, network=(3500, 4500), block=(4096, 8192)))["Figures"]()
    assert (busy["NetIO"], busy["BlockIO"]) == (2000.0, 2048.0)
    assert stats_row(BEFORE, NOW, no_trunc=True)["ID"] == "a" * 64


def test_what_the_host_does_not_tell_is_two_dashes():
    row = stats_row(None, Sample("a", "web", 1))
    assert row["Figures"]().keys() == {"CPUPerc", "MemPerc"}
    assert row["MemUsage"] == "-- / --"
    assert {row[key] for key in ("CPUPerc", "MemPerc", "NetIO", "BlockIO", "PIDs")} == {"--"}


def test_a_container_that_does_not_run_uses_nothing():
    row = still_row("a" * 64, "web")
    assert (row["CPUPerc"], row["MemUsage"], row["PIDs"]) == ("0.00%", "0B / 0B", "0")

"""collectd measures the load, and the plug-in write_lode commits what it measures.

    test.py LODE DIRECTORY WRITE_LODE_SO
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from hosts import HERE, committed, until  # noqa: E402


def main() -> None:
    lode, directory, plugin = sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()
    store, plugins = directory / "store", directory / "plugins"
    store.mkdir()
    plugins.mkdir()
    shutil.copy(plugin, plugins / "write_lode.so")
    shutil.copy("/usr/lib/collectd/load.so", plugins)
    conf = (HERE / "collectd" / "lode.conf").read_text()
    assert "/srv/lode" in conf and "Interval 10" in conf
    (directory / "collectd.conf").write_text(
        f'Hostname "te\\"st"\nInterval 0.2\nBaseDir "{directory}"\nPIDFile "{directory}/pid"\nPluginDir "{plugins}"\n'
        'TypesDB "/usr/share/collectd/types.db"\nLoadPlugin load\n'
        + conf.replace("/srv/lode", str(store)).replace("Interval 10", "Interval 0.5")
    )
    host = subprocess.Popen(["collectd", "-f", "-C", str(directory / "collectd.conf")])
    until(lambda: len(committed(lode, store, "metrics")) > 20, "collectd to commit")
    before = committed(lode, store, "metrics")
    host.send_signal(signal.SIGTERM)
    assert host.wait() == 0, host.returncode
    found = committed(lode, store, "metrics")
    assert found[: len(before)] == before
    names = {(record["host"], record["plugin"], record["type"], record["name"]) for record in found}
    assert names == {('te"st', "load", "load", name) for name in ("shortterm", "midterm", "longterm")}, names
    assert all(isinstance(record["value"], float) and record["time_ns"] > 10**18 for record in found)
    # Each reading gives three values, and what was read last is committed as collectd ends.
    assert len(found) % 3 == 0 and len({record["time_ns"] for record in found}) == len(found) // 3
    print(f"{len(found)} values of collectd, each committed once")


if __name__ == "__main__":
    main()

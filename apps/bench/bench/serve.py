"""How PyTorch's side of compare.ts waits for its turns: see side.ts."""
import json
import os
import resource
import sys
import time


def answer(value):
    print(json.dumps(value), flush=True)


def started_ms():
    """Time since the process started, by the kernel's clock."""
    with open("/proc/self/stat") as f:
        ticks = int(f.read().rsplit(")", 1)[1].split()[19])
    with open("/proc/uptime") as f:
        return (float(f.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")) * 1000


def peak_mb():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 2**20))


def serve(step):
    step()
    answer({"startupMs": started_ms() if sys.platform == "linux" else None})
    for line in sys.stdin:
        walls, cpus = [], []
        for _ in range(int(line)):
            start, cpu = time.perf_counter(), time.process_time()
            step()
            walls.append((time.perf_counter() - start) * 1000)
            cpus.append((time.process_time() - cpu) * 1000)
        answer({"walls": walls, "cpus": cpus})
    answer({"peakRssMb": peak_mb()})

"""What the bindings for C++ and Go add to the C library, a record."""

import os
import shlex
import subprocess

from measure import Failure, Pair, alternate, fresh_directory, run, spread, table

HERE = os.path.dirname(os.path.abspath(__file__))


def build_cpp(bench, include):
    """The C++ program, linked with the library that the C program uses; or why it is not built."""
    program = os.path.join(bench.build_directory, "cpp_bench")
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    local = os.path.join(bench.build_directory, "liblode.so.0")
    command = [*compiler, "-std=c++17", "-O2", f"-I{include}", "-o", program, os.path.join(HERE, "cpp_bench.cpp"), local]
    return build([*command, "-Wl,-rpath,$ORIGIN"], program, {})


def build_go(bench, include):
    """The Go program, which finds the same library by a pkg-config file of its own."""
    program = os.path.join(bench.build_directory, "go-bench")
    directory = bench.build_directory
    local = os.path.join(directory, "liblode.so")
    if not os.path.lexists(local):
        os.symlink("liblode.so.0", local)
    with open(os.path.join(directory, "lode.pc"), "w", encoding="utf-8") as file:
        file.write("Name: lode\nDescription: lode\nVersion: 0\n")
        file.write(f"Cflags: -I{include}\nLibs: -L{directory} -llode\n")
    environment = {"PKG_CONFIG_PATH": directory, "CGO_LDFLAGS": f"-Wl,-rpath,{directory}"}
    return build(["go", "build", "-C", os.path.join(HERE, "go"), "-o", program, "."], program, environment)


def build(command, program, environment):
    try:
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    except FileNotFoundError:
        return None, f"there is no {command[0]}"
    if done.returncode != 0:
        raise Failure(f"{shlex.join(command)} ended with status {done.returncode}:\n{done.stderr}")
    return program, None


def bindings(bench):
    """Each binding's forms beside C's append-batch (a writer) and pull-batch (an iterator), without checksum and fsync,
    on a memory-backed filesystem. The difference of a round is taken within the round."""
    include = bench.options.include or os.path.join(os.path.dirname(HERE), "include")
    where = bench.memory_directory
    inputs = {"flights": bench.input, "{}": bench.empty_records()}

    def fresh(command):
        def once():
            with fresh_directory(where) as directory:
                return run([directory if part == "DIRECTORY" else part for part in command])

        return once

    pairs, notes = {}, []
    for name, make in (("C++", build_cpp), ("Go", build_go)):
        program, why = make(bench, include)
        if program is None:
            notes.append(f"  SKIPPED: {bench.skip(f'{name}: {why}')}")
            continue
        forms = {"append": "append-batch", "append-batch": "append-batch", "pull": "pull-batch"}
        if name == "C++":
            del forms["append-batch"]  # record_writer::append_batch is the C function
        for form, of_c in forms.items():
            for label, path in inputs.items():
                c = [bench.lode, "write", of_c, path, "DIRECTORY", "durability=process", "checksum=none"]
                ours = [program, form, path, "DIRECTORY"]
                pairs[name, form, label] = Pair(f"{name}, {form}, {label}", fresh(ours), fresh(c))
    alternate(list(pairs.values()), bench.rounds)

    def more(pair):
        return [(s["ns"] - b["ns"]) / s["records"] for s, b in zip(pair.subject_runs, pair.baseline_runs)]

    bench.results["bindings"] = {pair.name: more(pair) for pair in pairs.values()}
    rows = []
    for name, form in dict.fromkeys((name, form) for name, form, _ in pairs):
        cells = [spread(more(pairs[name, form, label]), 1) for label in inputs]
        rows.append([f"{name}, {form}", *cells, "<= 15"])
    text = table(["ns a record over C in batches", *(f"records of {label}" for label in inputs), "goal"], rows)
    return "\n".join([text, f"  without fsync, on {where}", *notes])

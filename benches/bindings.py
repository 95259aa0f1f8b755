"""What the bindings for C++, Go, Zig and Python add to the C library, a record."""

import os
import shlex
import shutil
import subprocess
import sys

from measure import Failure, Pair, Skipped, alternate, fresh_directory, run, spread, table

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(HERE)

# Of each binding its forms, each with the form of C that it is compared with, and whether the goal is for it:
# records that cross in batches. Reading has no INPUT.
FORMS = {
    "C++": {"append": ("append-batch", False), "pull": ("pull-batch", True)},
    "Go": {
        "append": ("append", False),
        "append-batch": ("append-batch", True),
        "append-apart": ("append-batch", False),
        "append-lines": ("append-lines", True),
        "pull": ("pull", False),
        "pull-batch": ("pull-batch", True),
        "pull-any": ("pull", False),
        "read": ("next-batch", False),
    },
    "Zig": {"append": ("append-batch", False), "pull": ("pull-batch", False), "read": ("next-batch", False)},
    "Python": {"extend": ("append-batch", False), "pull": ("pull-batch", False), "read": ("next-batch", False)},
}


def prefix(bench):
    """An installation of the library that the C program uses, as far as the bindings look for one."""
    root = os.path.join(bench.build_directory, "prefix")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(os.path.join(root, "lib", "pkgconfig"))
    os.symlink(bench.options.include or os.path.join(REPOSITORY, "include"), os.path.join(root, "include"))
    local = os.path.join(bench.build_directory, "liblode.so.0")
    for name in ("liblode.so", "liblode.so.0"):
        os.symlink(local, os.path.join(root, "lib", name))
    with open(os.path.join(root, "lib", "pkgconfig", "lode.pc"), "w", encoding="utf-8") as file:
        file.write(f"prefix={root}\nincludedir=${{prefix}}/include\nlibdir=${{prefix}}/lib\n")
        file.write("Name: lode\nDescription: lode\nVersion: 0\n")
        file.write("Cflags: -I${includedir}\nLibs: -L${libdir} -Wl,-rpath,${libdir} -llode\n")
    return root


def build_cpp(bench, root):
    program = os.path.join(bench.build_directory, "cpp_bench")
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    library = os.path.join(root, "lib")
    command = [*compiler, "-std=c++17", "-O2", f"-I{root}/include", "-o", program, os.path.join(HERE, "cpp_bench.cpp")]
    must([*command, f"-L{library}", f"-Wl,-rpath,{library}", "-llode"])
    return [program]


def build_go(bench, root):
    program = os.path.join(bench.build_directory, "go-bench")
    library = os.path.join(root, "lib")
    environment = {"PKG_CONFIG_PATH": f"{library}/pkgconfig", "CGO_LDFLAGS": f"-Wl,-rpath,{library}"}
    must(["go", "build", "-C", os.path.join(HERE, "go"), "-o", program, "."], environment)
    return [program]


def build_zig(bench, root):
    """The package's example is replaced by the program. The compiler is that of PyPI, kept outside of the
    tree."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "lode", "ziglang-0.17.1")
    zig = os.path.join(cache, "ziglang", "zig")
    if not os.path.exists(zig):
        raise Skipped("there is no Zig: tests/c/run.sh zig_package fetches it")
    package = os.path.join(bench.build_directory, "zig")
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(os.path.join(REPOSITORY, "bindings", "zig"), package)
    shutil.copyfile(os.path.join(HERE, "zig_bench.zig"), os.path.join(package, "example", "events.zig"))
    command = [zig, "build", "example", "--release=fast", f"-Dlode-prefix={root}"]
    command += ["--build-file", f"{package}/build.zig", "--cache-dir", f"{package}/cache", "--prefix", f"{package}/out"]
    must(command, {"ZIG_GLOBAL_CACHE_DIR": os.path.join(cache, "cache"), "ZIG_DEBUG_CMD": "1"})
    return [os.path.join(package, "out", "bin", "events")]


def build_python(bench, root):
    """The package is built against the library, in a virtual environment of its own."""
    environment = os.path.join(bench.build_directory, "python")
    python = os.path.join(environment, "bin", "python")
    package = os.path.join(bench.build_directory, "python-package")
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(os.path.join(REPOSITORY, "bindings", "python"), package)
    must([sys.executable, "-m", "venv", "--clear", environment])
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
    must(install, {"PKG_CONFIG_PATH": os.path.join(root, "lib", "pkgconfig")})
    return [python, os.path.join(HERE, "python_bench.py")]


def must(command, environment=None):
    try:
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    except FileNotFoundError:
        raise Skipped(f"there is no {command[0]}") from None
    if done.returncode != 0:
        raise Failure(f"{shlex.join(command)} ended with status {done.returncode}:\n{done.stderr}")


def bindings(bench):
    """Each binding's forms beside C's forms for batches, without checksum and fsync, on a memory-backed
    filesystem. The difference of a round is taken within the round."""
    root = prefix(bench)
    where = bench.memory_directory
    inputs = {"flights": bench.input, "{}": bench.empty_records()}
    settings = ["durability=process", "checksum=none"]

    def fresh(command):
        def once():
            with fresh_directory(where) as directory:
                return run([directory if part == "DIRECTORY" else part for part in command])

        return once

    pairs, notes = {}, []
    with fresh_directory(where) as stored:
        for number, path in enumerate(inputs.values()):
            os.mkdir(os.path.join(stored, str(number)))
            run([bench.lode, "write", "append-batch", path, os.path.join(stored, str(number)), *settings])
        for name, build in (("C++", build_cpp), ("Go", build_go), ("Zig", build_zig), ("Python", build_python)):
            try:
                program = build(bench, root)
            except Skipped as why:
                notes.append(f"  SKIPPED: {bench.skip(f'{name}: {why}')}")
                continue
            for form, (of_c, _) in FORMS[name].items():
                for number, (label, path) in enumerate(inputs.items()):
                    if form == "read":
                        at = os.path.join(stored, str(number))
                        c = lambda at=at: run([bench.lode, "read", "next-batch", at, *settings])  # noqa: E731
                        ours = lambda program=program, at=at: run([*program, "read", at])  # noqa: E731
                    else:
                        c = fresh([bench.lode, "write", of_c, path, "DIRECTORY", *settings])
                        ours = fresh([*program, form, path, "DIRECTORY"])
                    pairs[name, form, label] = Pair(f"{name}, {form}, {label}", ours, c)
        alternate(list(pairs.values()), bench.rounds)

    def more(pair):
        return [(s["ns"] - b["ns"]) / s["records"] for s, b in zip(pair.subject_runs, pair.baseline_runs)]

    bench.results["bindings"] = {pair.name: more(pair) for pair in pairs.values()}
    rows = []
    for name, form in dict.fromkeys((name, form) for name, form, _ in pairs):
        of_c, goal = FORMS[name][form]
        cells = [spread(more(pairs[name, form, label]), 1) for label in inputs]
        rows.append([f"{name}, {form}", of_c, *cells, "<= 15" if goal else ""])
    heading = ["ns a record over C", "C's form", *(f"records of {label}" for label in inputs), "goal"]
    notes += [
        f"  without fsync, on {where}",
        "  append: one record a call; append-batch and pull-batch of Go: records that are slices of one buffer, which cross as",
        "  they lie; append-apart: each in memory of its own, and pull: by an iterator that may use its memory again, are copied;",
        "  pull-any: its Record makes an `any` of each record, an allocation of the program's own; read: Go and Python give",
        "  copies that may be kept, C lends",
    ]
    return "\n".join([table(heading, rows), *notes])

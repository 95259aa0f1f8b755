#!/usr/bin/env python3
"""The second auditor: reads a dataset's files, knows nothing of liblode, and checks that its history is whole.

    audit.py ROOT DATASET [--layout default|hive|flat] [--acknowledged FILE] [--length N] [--no-leftovers] [--beside ID]
             [--go-ahead]

Walks the slots from the root and checks: every slot's header and payload; every manifest on the path, equal to its
payload; none off it; in the hive layout a copy beside each partition's files of a manifest that is there, and none that no slot
decided; ids rising; every file there with size, checksum and row count; `latest` on the path; every id in
FILE on it. With --go-ahead, what the Go library has committed since the path's end is part of the history, if it is one
chain. A path whose last slot has no manifest, or that `latest` is behind, is a commit that its writer did not live
to publish: allowed, unless --length or --no-leftovers say that all writers returned. Prints what it found; exit status
1 if anything is wrong. Standard library only; xxh3 checksums are verified where the module xxhash is installed.
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import sys

try:
    import xxhash
except ImportError:
    xxhash = None

OUR_ID = re.compile(r"[0-9]{19}-[0-9a-f]{16}")
GO_ID = re.compile(r"[0-9]{19}")
TEMPORARY = re.compile(r"\.lode-.*")
# Where a dataset's manifests lie below it.
FOLDERS = {"default": "snapshots", "hive": "segments", "flat": ""}
problems = []
unverified = 0


def wrong(text):
    problems.append(text)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def digest(algorithm, data):
    """The checksum as hex digits, or None where no module knows the algorithm."""
    if algorithm in ("md5", "sha256"):
        return hashlib.new(algorithm, data).hexdigest()
    if algorithm == "xxh3":
        return xxhash.xxh3_64_hexdigest(data) if xxhash else None
    wrong(f"unknown checksum algorithm {algorithm}")
    return None


def audit_slot(base, root, parent, layout):
    """Checks the slot of `parent`; gives its kind, the child's id and manifest bytes; None without a slot."""
    path = os.path.join(base, "_commits", parent)
    if not os.path.exists(path):
        return None
    header_line, separator, payload = read(path).partition(b"\n")
    header = json.loads(header_line)
    if separator != b"\n":
        wrong(f"slot {parent}: no line end after the header")
    if "payload" in header:
        if payload:
            wrong(f"slot {parent}: bytes after a header that names a payload object")
        payload = read(os.path.join(root, header["payload"]))
    if header.get("kind") not in ("commit", "noop", "adopt"):
        wrong(f"slot {parent}: kind is {header.get('kind')!r}")
    if header.get("kind") == "adopt" and payload:
        wrong(f"slot {parent}: it adopts, and has a payload")
    expected = {"lode_slot": 1, "layout": layout, "parent": parent}
    for key, value in expected.items():
        if header.get(key) != value:
            wrong(f"slot {parent}: {key} is {header.get(key)!r}, expected {value!r}")
    if not re.fullmatch(r"[0-9a-f]{32}", header.get("nonce", "")):
        wrong(f"slot {parent}: nonce {header.get('nonce')!r}")
    if header.get("len") != len(payload):
        wrong(f"slot {parent}: len is {header.get('len')}, the payload has {len(payload)} bytes")
    if header.get("sha256") != hashlib.sha256(payload).hexdigest():
        wrong(f"slot {parent}: sha256 is not the payload's")
    return header.get("kind"), header["child"], payload


def audit_files(root, manifest):
    global unverified
    algorithm = manifest.get("checksum_algorithm")
    rows = 0
    for file in manifest["files"]:
        path = os.path.join(root, file["path"])
        if not os.path.exists(path):
            wrong(f"{file['path']}: missing")
            continue
        data = read(path)
        if len(data) != file["size_bytes"]:
            wrong(f"{file['path']}: {len(data)} bytes, expected {file['size_bytes']}")
        if algorithm:
            found = digest(algorithm, data)
            if found is None:
                unverified += 1
            elif found != file.get("checksum"):
                wrong(f"{file['path']}: {algorithm} {found}, expected {file.get('checksum')}")
        if "codec" not in manifest:  # a raw blob counts as one record
            rows += 1
            continue
        if manifest["compressor"] == "gzip":
            data = gzip.decompress(data)
        if manifest["compressor"] != "zstd":
            records = [json.loads(line) for line in data.split(b"\n") if line]
            rows += len(records)
    if ("codec" not in manifest or manifest["compressor"] != "zstd") and rows != manifest["row_count"]:
        wrong(f"snapshot {manifest['snapshot_id']}: {rows} records, expected {manifest['row_count']}")


def audit_copies(base, manifest, payload, published):
    """Checks the copies of a hive manifest: all of them where it is published, right ones in any case."""
    for file in manifest["files"]:
        path = os.path.join(base, *file["path"].split("/")[2:])
        snapshots = os.path.dirname(os.path.dirname(os.path.dirname(path)))
        copy = os.path.join(snapshots, manifest["snapshot_id"], "manifest.json")
        if not os.path.exists(copy):
            if published:
                wrong(f"{os.path.relpath(copy, base)}: missing, though the canonical manifest is there")
        elif read(copy) != payload:
            wrong(f"{os.path.relpath(copy, base)} is not the slot's payload")


def adopted(base, layout, child, parent):
    """What a slot of the kind adopt stands for: the child and its ancestors after `parent`, oldest first."""
    chain, ids = [], set()
    while child is not None and child != parent and child not in ids:
        stored = os.path.join(base, FOLDERS[layout], child, "manifest.json")
        if not os.path.exists(stored):
            wrong(f"the adopted {child} has no manifest")
            break
        ids.add(child)
        chain.append(json.loads(read(stored)))
        child = chain[-1].get("parent_snapshot_id")
    return chain[::-1]


def walk(base, root, dataset, layout):
    """Follows the slots from the root; gives the path's ids, its last if that has no manifest, and all files."""
    path, unpublished, named = [], None, set()
    parent = "root"
    while (slot := audit_slot(base, root, parent, layout)) is not None:
        kind, child, payload = slot
        if child in path:
            wrong(f"slot {parent}: its child {child} is on the path already")
            break
        if kind == "adopt":
            for manifest in adopted(base, layout, child, parent):
                manifest["files"] = manifest["files"] or []
                audit_files(root, manifest)
                named.update(os.path.join(root, file["path"]) for file in manifest["files"])
                path.append(manifest["snapshot_id"])
            parent = child
            continue
        manifest = json.loads(payload)
        if not OUR_ID.fullmatch(child) and not (kind == "noop" and GO_ID.fullmatch(child)):
            wrong(f"slot {parent}: the child's id {child!r} is not of our form")
        if parent != "root" and child <= parent:
            wrong(f"{child} is not above its parent {parent}")
        if manifest["snapshot_id"] != child or manifest["dataset_id"] != dataset:
            wrong(f"slot {parent}: the payload is of {manifest['dataset_id']} {manifest['snapshot_id']}")
        if manifest.get("parent_snapshot_id", "root") != parent:
            wrong(f"{child}: the manifest's parent is {manifest.get('parent_snapshot_id')}, the slot's {parent}")
        if unpublished is not None:
            wrong(f"{child} was decided while its parent {unpublished} has no manifest")
        stored = os.path.join(base, FOLDERS[layout], child, "manifest.json")
        # A noop has the files of its parent, and no copies.
        if layout == "hive" and kind == "commit":
            audit_copies(base, manifest, payload, os.path.exists(stored))
        if not os.path.exists(stored):
            unpublished = child
        elif read(stored) != payload and OUR_ID.fullmatch(child):
            wrong(f"{child}: the manifest is not the slot's payload")
        audit_files(root, manifest)
        named.update(os.path.join(root, file["path"]) for file in manifest["files"])
        path.append(child)
        parent = child
    return path, unpublished, named


def audit_ahead(base, root, layout, path, ids):
    """Checks that what the Go library committed after the path's end is one chain, files included; gives its ids."""
    parents = set()
    for id in ids:
        manifest = json.loads(read(os.path.join(base, FOLDERS[layout], id, "manifest.json")))
        parent = manifest.get("parent_snapshot_id")
        if parent != (path[-1] if path else None) and parent not in ids:
            wrong(f"{id} is built on {parent}, which is not the end of the path")
        if parent in parents:
            wrong(f"{parent} has two children")
        parents.add(parent)
        manifest["files"] = manifest["files"] or []
        audit_files(root, manifest)
    return path + ids


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root")
    parser.add_argument("dataset")
    parser.add_argument("--layout", choices=sorted(FOLDERS), default="default")
    parser.add_argument("--acknowledged", help="a file of snapshot ids that were acknowledged, one a line")
    parser.add_argument("--length", type=int, help="how many snapshots the path must have, all published")
    parser.add_argument("--no-leftovers", action="store_true", help="no temporary file and no unnamed data may be there")
    parser.add_argument("--go-ahead", action="store_true", help="what the Go library committed since is part of the history")
    parser.add_argument("--beside", action="append", default=[], help="a snapshot that is off the path by a person's choice")
    arguments = parser.parse_args()
    root, dataset = arguments.root, arguments.dataset
    layout = arguments.layout
    base = os.path.join(root, dataset) if layout == "flat" else os.path.join(root, "datasets", dataset)

    path, unpublished, named = walk(base, root, dataset, layout)
    snapshots = os.path.join(base, FOLDERS[layout])
    if arguments.go_ahead:
        ahead = [
            id
            for id in sorted(os.listdir(snapshots) if os.path.isdir(snapshots) else [])
            if id not in path and GO_ID.fullmatch(id) and os.path.exists(os.path.join(snapshots, id, "manifest.json"))
        ]
        path = audit_ahead(base, root, layout, path, ahead)
    on_path = set(path)
    for id in sorted(os.listdir(snapshots)) if os.path.isdir(snapshots) else []:
        if os.path.exists(os.path.join(snapshots, id, "manifest.json")) and id not in on_path:
            if id not in arguments.beside:
                wrong(f"{id} has a manifest, and no slot leads to it")
    for directory, _, files in os.walk(os.path.join(base, "partitions")):
        if "manifest.json" in files and os.path.basename(directory) not in on_path:
            wrong(f"{os.path.relpath(directory, base)} has a copy of a manifest, and no slot leads to it")
    slots = os.path.join(base, "_commits")
    for name in sorted(os.listdir(slots)) if os.path.isdir(slots) else []:
        if name != "root" and OUR_ID.fullmatch(name) and name not in on_path:
            wrong(f"the slot of {name} is off the path")

    latest_path = os.path.join(base, "latest")
    if os.path.exists(latest_path):
        latest = read(latest_path).decode().strip()
        if latest not in on_path:
            wrong(f"latest names {latest}, which is not on the path")
        elif latest == unpublished:
            wrong(f"latest names {latest}, which has no manifest")
    elif len(path) > 1:
        wrong("no latest, though more than one commit was made")

    if arguments.acknowledged:
        with open(arguments.acknowledged, encoding="ascii") as file:
            acknowledged = file.read().split()
        for id in acknowledged:
            if id not in on_path:
                wrong(f"{id} was acknowledged and is not on the path")
        if len(set(acknowledged)) != len(acknowledged):
            wrong("an id was acknowledged twice")
    if arguments.length is not None:
        if len(path) != arguments.length:
            wrong(f"the path has {len(path)} snapshots, expected {arguments.length}")
        if unpublished or not path or read(latest_path).decode().strip() != path[-1]:
            wrong("the last snapshot is not published")
    if arguments.no_leftovers:
        for directory, _, files in os.walk(base):
            for name in files:
                full = os.path.join(directory, name)
                if os.path.basename(os.path.dirname(full)) == "data" and full not in named:
                    wrong(f"{os.path.relpath(full, root)} is data that no snapshot names")
                if TEMPORARY.fullmatch(name):
                    wrong(f"{os.path.relpath(full, root)} is a temporary file")

    for problem in problems:
        print(f"audit: {problem}")
    if unverified:
        print(f"audit: skipped {unverified} xxh3 checksums (the Python module xxhash is not installed)")
    print(f"audit: {len(path)} snapshots on the path, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The second auditor: reads a dataset's or a volume's files, knows nothing of liblode, and checks that the
history is whole.

    audit.py ROOT NAME [--layout default|hive|flat|volume] [--acknowledged FILE] [--length N] [--no-leftovers]
             [--beside ID] [--go-ahead]

Walks the slots from the root and checks: every slot's header and payload; every manifest on the path, equal
to its payload; none off it; in the hive layout a copy beside each partition's files of a manifest that is
there, and none that no slot decided; ids rising; every file there with size, checksum and row count; of a
volume every block there with size and checksum, no two that overlap, none outside, and each snapshot's blocks
among its child's; `latest` on the path; every id in FILE on it. With --go-ahead, what the Go library has
committed since the path's end is part of the history, if it is one chain. A path whose last slot has no
manifest, or that `latest` is behind, is a commit that its writer did not live to publish: allowed, unless
--length or --no-leftovers say that all writers returned. Prints what it found; exit status 1 if anything is
wrong. Standard library only; xxh3 checksums are verified where the module xxhash is installed.

Another program may import it: audit() does the same and gives an Audit, whose list `problems` is empty if all
is well.
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
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# Where manifests lie below the directory of a dataset or a volume.
FOLDERS = {"default": "snapshots", "hive": "segments", "flat": "", "volume": "snapshots"}
# Lengths and offsets of a volume are below this.
COUNTS = 1 << 63


def read(path):
    with open(path, "rb") as file:
        return file.read()


def is_count(value, least=0):
    return type(value) is int and least <= value < COUNTS


def once(pairs):
    """The members of a JSON object, none of which may occur twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key occurs twice")
    return members


def block_digest(checksum):
    """The algorithm of a block's checksum, which its length tells; None: there is none, or it is not
    known."""
    if re.fullmatch(r"[0-9a-f]{16}", checksum):
        return "xxh3"
    if re.fullmatch(r"[0-9a-f]{32}", checksum):
        return "md5"
    return "sha256" if len(checksum) == 64 else None


class Audit:
    """What was found of one dataset or volume."""

    def __init__(self, root, name, layout="default"):
        self.root, self.name, self.layout = root, name, layout
        folder = {"flat": "", "volume": "volumes"}.get(layout, "datasets")
        self.base = os.path.join(root, folder, name)
        self.snapshots = os.path.join(self.base, FOLDERS[layout])
        self.problems = []
        self.unverified = 0
        # The ids of the path; its last if that has no manifest; every data file that is named.
        self.path, self.unpublished, self.named = [], None, set()
        # The blocks of the snapshot that was audited last, by their offsets.
        self.blocks = {}

    def wrong(self, text):
        self.problems.append(text)

    def manifest_path(self, id):
        return os.path.join(self.snapshots, id, "manifest.json")

    def digest(self, algorithm, data):
        """The checksum as hex digits, or None where no module knows the algorithm."""
        if algorithm in ("md5", "sha256"):
            return hashlib.new(algorithm, data).hexdigest()
        if algorithm == "xxh3":
            return xxhash.xxh3_64_hexdigest(data) if xxhash else None
        self.wrong(f"unknown checksum algorithm {algorithm}")
        return None

    def audit_slot(self, parent):
        """Checks the slot of `parent`; gives its kind, the child's id and manifest bytes; None without a
        slot."""
        path = os.path.join(self.base, "_commits", parent)
        if not os.path.exists(path):
            return None
        header_line, separator, payload = read(path).partition(b"\n")
        header = json.loads(header_line)
        if separator != b"\n":
            self.wrong(f"slot {parent}: no line end after the header")
        if "payload" in header:
            if payload:
                self.wrong(f"slot {parent}: bytes after a header that names a payload object")
            self.named.add(os.path.join(self.root, header["payload"]))
            payload = read(os.path.join(self.root, header["payload"]))
        if header.get("kind") not in ("commit", "noop", "adopt"):
            self.wrong(f"slot {parent}: kind is {header.get('kind')!r}")
        if header.get("kind") == "adopt" and payload:
            self.wrong(f"slot {parent}: it adopts, and has a payload")
        expected = {"lode_slot": 1, "layout": self.layout, "parent": parent}
        for key, value in expected.items():
            if header.get(key) != value:
                self.wrong(f"slot {parent}: {key} is {header.get(key)!r}, expected {value!r}")
        if not re.fullmatch(r"[0-9a-f]{32}", header.get("nonce", "")):
            self.wrong(f"slot {parent}: nonce {header.get('nonce')!r}")
        if header.get("len") != len(payload):
            self.wrong(f"slot {parent}: len is {header.get('len')}, the payload has {len(payload)} bytes")
        if header.get("sha256") != hashlib.sha256(payload).hexdigest():
            self.wrong(f"slot {parent}: sha256 is not the payload's")
        return header.get("kind"), header["child"], payload

    def audit_stored(self, path, size, algorithm, checksum):
        """Checks the bytes that a manifest names; gives them, or None if they are not there."""
        self.named.add(os.path.join(self.root, path))
        full = os.path.join(self.root, path)
        if not os.path.exists(full):
            self.wrong(f"{path}: missing")
            return None
        data = read(full)
        if len(data) != size:
            self.wrong(f"{path}: {len(data)} bytes, expected {size}")
        if algorithm:
            found = self.digest(algorithm, data)
            if found is None:
                self.unverified += 1
            elif found != checksum:
                self.wrong(f"{path}: {algorithm} {found}, expected {checksum}")
        return data

    def audit_content(self, manifest):
        """Checks all that a manifest names."""
        if self.layout == "volume":
            self.audit_blocks(manifest)
        else:
            self.audit_files(manifest)

    def audit_files(self, manifest):
        rows = 0
        manifest["files"] = manifest["files"] or []
        for file in manifest["files"]:
            data = self.audit_stored(file["path"], file["size_bytes"], manifest.get("checksum_algorithm"), file.get("checksum"))
            if data is None:
                continue
            if "codec" not in manifest:  # a raw blob counts as one record
                rows += 1
                continue
            if manifest["codec"] == "parquet":  # its marks; what is within is for the engines
                if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
                    self.wrong(f"{file['path']}: no Parquet file")
                rows += file["stats"]["row_count"]
                continue
            if manifest["compressor"] == "gzip":
                data = gzip.decompress(data)
            if manifest["compressor"] != "zstd":
                records = [json.loads(line) for line in data.split(b"\n") if line]
                rows += len(records)
        if ("codec" not in manifest or manifest["compressor"] != "zstd") and rows != manifest["row_count"]:
            self.wrong(f"snapshot {manifest['snapshot_id']}: {rows} records, expected {manifest['row_count']}")

    def audit_blocks(self, manifest):
        """Checks a volume's snapshot: its own rules, each block that is new, and that none of its parent's is
        lost."""
        id = manifest["snapshot_id"]
        length = manifest.get("total_length")
        if not is_count(length, 1):
            self.wrong(f"{id}: total_length is {length!r}")
            return
        if not isinstance(manifest.get("metadata"), dict):
            self.wrong(f"{id}: metadata is {manifest.get('metadata')!r}")
        if not TIME.fullmatch(manifest.get("created_at", "")):
            self.wrong(f"{id}: created_at is {manifest.get('created_at')!r}")
        blocks, end = sorted(manifest["blocks"], key=lambda block: block["offset"]), 0
        for block in blocks:
            offset, size, checksum = block["offset"], block["length"], block.get("checksum") or ""
            if not is_count(offset) or not is_count(size, 1) or size > length - offset:
                self.wrong(f"{id}: the block at {offset!r} of {size!r} bytes is not within {length} bytes")
                continue
            plain = re.escape(f"volumes/{self.name}/data/{offset}-{size}")
            path = re.fullmatch(plain + r"(-([0-9a-f]{16}))?\.bin", block["path"])
            if path is None or path[2] == "0" * 16:
                self.wrong(f"{id}: {block['path']} is not the path of the block at {offset} of {size} bytes")
                continue
            if offset < end:
                self.wrong(f"{id}: the block at {offset} overlaps one that ends at {end}")
            end = max(end, offset + size)
            if len(checksum) > 1024:
                self.wrong(f"{id}: a checksum of {len(checksum)} bytes")
            elif self.blocks.get(offset) != block:
                self.audit_stored(block["path"], size, block_digest(checksum), checksum)
            self.named.add(os.path.join(self.root, block["path"]))
        now = {block["offset"]: block for block in blocks}
        for offset, block in self.blocks.items():
            if now.get(offset) != block:
                self.wrong(f"{id}: the block at {offset} of its parent is not among its blocks")
        self.blocks = now

    def parsed(self, data, id):
        """A manifest's members."""
        if self.layout != "volume":
            return json.loads(data)
        manifest = json.loads(data, object_pairs_hook=once)
        if manifest.get("schema_name") != "lode-volume-manifest" or not re.match(r"1\.", manifest.get("format_version", "")):
            self.wrong(f"{id}: it is no volume's manifest of version 1")
        if manifest.get("volume_id") != self.name or manifest.get("snapshot_id") != id:
            self.wrong(f"{id}: the manifest is of {manifest.get('volume_id')} {manifest.get('snapshot_id')}")
        return manifest

    def audit_copies(self, manifest, payload, published):
        """Checks the copies of a hive manifest: all of them where it is published, right ones in any case."""
        for file in manifest["files"]:
            path = os.path.join(self.base, *file["path"].split("/")[2:])
            snapshots = os.path.dirname(os.path.dirname(os.path.dirname(path)))
            copy = os.path.join(snapshots, manifest["snapshot_id"], "manifest.json")
            if not os.path.exists(copy):
                if published:
                    self.wrong(f"{os.path.relpath(copy, self.base)}: missing, though the canonical manifest is there")
            elif read(copy) != payload:
                self.wrong(f"{os.path.relpath(copy, self.base)} is not the slot's payload")

    def adopted(self, child, parent):
        """What a slot of the kind adopt stands for: the child and its ancestors after `parent`, oldest
        first."""
        chain, ids = [], set()
        while child is not None and child != parent and child not in ids:
            stored = self.manifest_path(child)
            if not os.path.exists(stored):
                self.wrong(f"the adopted {child} has no manifest")
                break
            ids.add(child)
            chain.append(self.parsed(read(stored), child))
            child = chain[-1].get("parent_snapshot_id")
        return chain[::-1]

    def walk(self):
        """Follows the slots from the root."""
        parent = "root"
        while (slot := self.audit_slot(parent)) is not None:
            kind, child, payload = slot
            if child in self.path:
                self.wrong(f"slot {parent}: its child {child} is on the path already")
                break
            if kind == "adopt":
                for manifest in self.adopted(child, parent):
                    self.audit_content(manifest)
                    self.path.append(manifest["snapshot_id"])
            else:
                self.audit_decided(kind, parent, child, payload)
                self.path.append(child)
            parent = child

    def audit_decided(self, kind, parent, child, payload):
        """Checks a snapshot that the slot of `parent` decided."""
        manifest = self.parsed(payload, child)
        if not OUR_ID.fullmatch(child) and not (kind == "noop" and GO_ID.fullmatch(child)):
            self.wrong(f"slot {parent}: the child's id {child!r} is not of our form")
        if parent != "root" and child <= parent:
            self.wrong(f"{child} is not above its parent {parent}")
        name = "volume_id" if self.layout == "volume" else "dataset_id"
        if manifest["snapshot_id"] != child or manifest[name] != self.name:
            self.wrong(f"slot {parent}: the payload is of {manifest[name]} {manifest['snapshot_id']}")
        if manifest.get("parent_snapshot_id", "root") != parent:
            self.wrong(f"{child}: the manifest's parent is {manifest.get('parent_snapshot_id')}, the slot's {parent}")
        if self.unpublished is not None:
            self.wrong(f"{child} was decided while its parent {self.unpublished} has no manifest")
        stored = self.manifest_path(child)
        # A noop has the files of its parent, and no copies.
        if self.layout == "hive" and kind == "commit":
            self.audit_copies(manifest, payload, os.path.exists(stored))
        if not os.path.exists(stored):
            self.unpublished = child
        elif read(stored) != payload and OUR_ID.fullmatch(child):
            self.wrong(f"{child}: the manifest is not the slot's payload")
        self.audit_content(manifest)

    def listed(self):
        """Every id that has a manifest."""
        names = sorted(os.listdir(self.snapshots)) if os.path.isdir(self.snapshots) else []
        return [name for name in names if os.path.exists(self.manifest_path(name))]

    def audit_ahead(self):
        """Checks that what the Go library committed after the path's end is one chain, files included."""
        ids = [id for id in self.listed() if id not in self.path and GO_ID.fullmatch(id)]
        parents = set()
        for id in ids:
            manifest = self.parsed(read(self.manifest_path(id)), id)
            parent = manifest.get("parent_snapshot_id")
            if parent != (self.path[-1] if self.path else None) and parent not in ids:
                self.wrong(f"{id} is built on {parent}, which is not the end of the path")
            if parent in parents:
                self.wrong(f"{parent} has two children")
            parents.add(parent)
            self.audit_content(manifest)
        self.path += ids

    def audit_off_path(self, beside):
        """Checks that nothing is there to which the path does not lead."""
        on_path = set(self.path)
        for id in self.listed():
            if id not in on_path and id not in beside:
                self.wrong(f"{id} has a manifest, and no slot leads to it")
        for directory, _, files in os.walk(os.path.join(self.base, "partitions")):
            if "manifest.json" in files and os.path.basename(directory) not in on_path:
                self.wrong(f"{os.path.relpath(directory, self.base)} has a copy of a manifest, and no slot leads to it")
        slots = os.path.join(self.base, "_commits")
        for name in sorted(os.listdir(slots)) if os.path.isdir(slots) else []:
            if name != "root" and OUR_ID.fullmatch(name) and name not in on_path:
                self.wrong(f"the slot of {name} is off the path")

    def pointer(self):
        """What `latest` names; None without it."""
        path = os.path.join(self.base, "latest")
        return read(path).decode().strip() if os.path.exists(path) else None

    def audit_pointer(self):
        latest = self.pointer()
        if latest is None:
            if len(self.path) > 1:
                self.wrong("no latest, though more than one commit was made")
        elif latest not in self.path:
            self.wrong(f"latest names {latest}, which is not on the path")
        elif latest == self.unpublished:
            self.wrong(f"latest names {latest}, which has no manifest")

    def audit_leftovers(self):
        for directory, _, files in os.walk(self.base):
            for name in files:
                full = os.path.join(directory, name)
                if (os.path.basename(directory) == "data" or name.endswith(".payload")) and full not in self.named:
                    self.wrong(f"{os.path.relpath(full, self.root)} is data that no snapshot names")
                if TEMPORARY.fullmatch(name):
                    self.wrong(f"{os.path.relpath(full, self.root)} is a temporary file")


def audit(root, name, layout="default", acknowledged=(), length=None, no_leftovers=False, go_ahead=False, beside=()):
    """Audits one dataset or volume; see the beginning of this file."""
    found = Audit(root, name, layout)
    found.walk()
    if go_ahead:
        found.audit_ahead()
    found.audit_off_path(beside)
    found.audit_pointer()
    on_path = set(found.path)
    for id in acknowledged:
        if id not in on_path:
            found.wrong(f"{id} was acknowledged and is not on the path")
    if len(set(acknowledged)) != len(acknowledged):
        found.wrong("an id was acknowledged twice")
    if length is not None:
        if len(found.path) != length:
            found.wrong(f"the path has {len(found.path)} snapshots, expected {length}")
        if found.unpublished or not found.path or found.pointer() != found.path[-1]:
            found.wrong("the last snapshot is not published")
    if no_leftovers:
        found.audit_leftovers()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root")
    parser.add_argument("name", help="of the dataset, or with --layout volume of the volume")
    parser.add_argument("--layout", choices=sorted(FOLDERS), default="default")
    parser.add_argument("--acknowledged", help="a file of snapshot ids that were acknowledged, one a line")
    parser.add_argument("--length", type=int, help="how many snapshots the path must have, all published")
    parser.add_argument("--no-leftovers", action="store_true", help="no temporary file and no unnamed data may be there")
    parser.add_argument("--go-ahead", action="store_true", help="what the Go library committed since is part of the history")
    parser.add_argument("--beside", action="append", default=[], help="a snapshot that is off the path by a person's choice")
    options = vars(parser.parse_args())
    if options["acknowledged"]:
        options["acknowledged"] = read(options["acknowledged"]).decode("ascii").split()
    else:
        options["acknowledged"] = []
    found = audit(options.pop("root"), options.pop("name"), **options)
    for problem in found.problems:
        print(f"audit: {problem}")
    if found.unverified:
        print(f"audit: skipped {found.unverified} xxh3 checksums (the Python module xxhash is not installed)")
    print(f"audit: {len(found.path)} snapshots on the path, {len(found.problems)} problems")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())

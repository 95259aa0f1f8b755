"""A file of another program as a snapshot, as a writer without checksums makes one."""

import json
import os
import pathlib


def put(root, name, path, rows):
    """Moves a Parquet file into a new dataset of a store."""
    snapshot = "1700000000000000000"
    key = f"datasets/{name}/snapshots/{snapshot}/data/data"
    target = pathlib.Path(root, key)
    target.parent.mkdir(parents=True)
    os.replace(path, target)
    manifest = {
        "schema_name": "lode-manifest",
        "format_version": "1.0.0",
        "dataset_id": name,
        "snapshot_id": snapshot,
        "created_at": "2023-11-14T22:13:20Z",
        "metadata": {},
        "files": [{"path": key, "size_bytes": target.stat().st_size}],
        "row_count": rows,
        "codec": "parquet",
        "compressor": "noop",
        "partitioner": "noop",
    }
    pathlib.Path(root, f"datasets/{name}/snapshots/{snapshot}/manifest.json").write_text(json.dumps(manifest, indent=2))
    pathlib.Path(root, f"datasets/{name}/latest").write_text(snapshot)

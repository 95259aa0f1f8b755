"""A MinIO server for as long as a program of the soak runs, and what lies in its bucket `tests`."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

SERVERS = pathlib.Path(__file__).resolve().parent.parent / "servers"
sys.path.insert(0, str(SERVERS))

import s3  # noqa: E402

BUCKET = "tests"
USER, SECRET = "lode-tests", "a-secret-of-these-tests"


def program():
    """The server's path; it is built once, which takes minutes."""
    return subprocess.run(["sh", SERVERS / "minio.sh"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def minio(directory=None):
    """Runs a server; gives its URL. Its objects are in a directory below this one, which is removed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_BROWSER": "off"}
    # What s3.py signs with.
    os.environ["ACCESS_KEY_ID"], os.environ["SECRET_ACCESS_KEY"] = USER, SECRET
    with tempfile.TemporaryDirectory(prefix="lode-minio-", dir=directory) as data:
        command = ["sh", SERVERS / "supervise.sh", program(), "server", "--quiet", "--address", address, data]
        # It ends with its standard input, however this program ends.
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=environment) as server:
            try:
                url = f"http://{address}"
                make_bucket(url)
                yield url
            finally:
                server.stdin.close()
                server.wait()


def make_bucket(url):
    """Makes the bucket as soon as the server serves, which is after it listens."""
    end = time.monotonic() + 120
    while True:
        try:
            s3.Bucket(url).request("PUT", BUCKET)
            return
        except (OSError, SystemExit):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def settings(url, **more):
    """The settings of a store on the server, as JSON."""
    return json.dumps({"endpoint": url, "allow_http": True, "access_key_id": USER, "secret_access_key": SECRET, **more})


def mirror(url, prefix, directory):
    """Every object below a prefix of the bucket as a file, read with a client of its own; gives how many."""
    bucket, count = s3.Bucket(url), 0
    for key in s3.Bucket(url).listed(BUCKET, prefix):
        path = pathlib.Path(directory, key[len(prefix):].lstrip("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bucket.request("GET", BUCKET, key))
        count += 1
    return count

#!/usr/bin/env python3
"""A client of S3 in a few lines, of its own: tests judge by it what the library did to a bucket.

    s3.py ENDPOINT make BUCKET
    s3.py ENDPOINT list BUCKET PREFIX            one key a line
    s3.py ENDPOINT uploads BUCKET PREFIX         unfinished multipart uploads, one key a line
    s3.py ENDPOINT get BUCKET KEY                the object, on standard output
    s3.py ENDPOINT put BUCKET KEY                from standard input
    s3.py ENDPOINT delete BUCKET KEY
    s3.py ENDPOINT mirror BUCKET PREFIX DIR      every object below the prefix as a file
    s3.py ENDPOINT url BUCKET KEY                an address that needs no credentials, for an hour

The credentials are ACCESS_KEY_ID and SECRET_ACCESS_KEY of the environment.
"""
import datetime
import hashlib
import hmac
import http.client
import os
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree


class Bucket:
    """Requests to one endpoint, signed with signature version 4."""

    def __init__(self, endpoint):
        self.address = urllib.parse.urlsplit(endpoint)
        self.key_id = os.environ["ACCESS_KEY_ID"]
        self.secret = os.environ["SECRET_ACCESS_KEY"]
        self.region = "us-east-1"
        self.connection = http.client.HTTPConnection(self.address.netloc, timeout=60)

    def signature(self, stamp, text):
        day = stamp[:8]
        key = ("AWS4" + self.secret).encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        scope = f"{day}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(text.encode()).hexdigest()
        whole = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        return scope, hmac.new(key, whole.encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def query(parameters):
        quoted = ((urllib.parse.quote(k, safe="-_.~"), urllib.parse.quote(v, safe="-_.~")) for k, v in parameters.items())
        return "&".join(f"{k}={v}" for k, v in sorted(quoted))

    def request(self, method, bucket, key="", parameters=None, body=b""):
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = "/" + urllib.parse.quote(f"{bucket}/{key}" if key else bucket, safe="/-_.~")
        query = self.query(parameters or {})
        payload = hashlib.sha256(body).hexdigest()
        headers = {"host": self.address.netloc, "x-amz-content-sha256": payload, "x-amz-date": stamp}
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        scope, signature = self.signature(stamp, f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}")
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope},SignedHeaders={names},Signature={signature}"
        )
        self.connection.request(method, path + ("?" + query if query else ""), body=body, headers=headers)
        response = self.connection.getresponse()
        data = response.read()
        if response.status >= 300:
            sys.exit(f"{method} {path}: HTTP {response.status} {data[:300]!r}")
        return data

    def listed(self, bucket, prefix):
        token = None
        while True:
            parameters = {"list-type": "2", "prefix": prefix}
            if token:
                parameters["continuation-token"] = token
            page = xml.etree.ElementTree.fromstring(self.request("GET", bucket, "", parameters))
            name = page.tag.partition("}")[0] + "}"
            for found in page.findall(f"{name}Contents/{name}Key"):
                yield found.text
            token = page.findtext(f"{name}NextContinuationToken")
            if not token:
                return

    def uploads(self, bucket, prefix):
        page = xml.etree.ElementTree.fromstring(self.request("GET", bucket, "", {"uploads": "", "prefix": prefix}))
        name = page.tag.partition("}")[0] + "}"
        return [found.text for found in page.findall(f"{name}Upload/{name}Key")]

    def url(self, bucket, key):
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = "/" + urllib.parse.quote(f"{bucket}/{key}", safe="/-_.~")
        parameters = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.key_id}/{stamp[:8]}/{self.region}/s3/aws4_request",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": "3600",
            "X-Amz-SignedHeaders": "host",
        }
        query = self.query(parameters)
        text = f"GET\n{path}\n{query}\nhost:{self.address.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        _, signature = self.signature(stamp, text)
        return f"{self.address.scheme}://{self.address.netloc}{path}?{query}&X-Amz-Signature={signature}"


def main():
    endpoint, command, bucket, *rest = sys.argv[1:]
    store = Bucket(endpoint)
    if command == "make":
        store.request("PUT", bucket)
    elif command == "list":
        print("".join(f"{key}\n" for key in store.listed(bucket, rest[0])), end="")
    elif command == "uploads":
        print("".join(f"{key}\n" for key in store.uploads(bucket, rest[0])), end="")
    elif command == "get":
        sys.stdout.buffer.write(store.request("GET", bucket, rest[0]))
    elif command == "put":
        store.request("PUT", bucket, rest[0], body=sys.stdin.buffer.read())
    elif command == "delete":
        store.request("DELETE", bucket, rest[0])
    elif command == "mirror":
        prefix, directory = rest
        for key in store.listed(bucket, prefix):
            path = pathlib.Path(directory, key[len(prefix):].lstrip("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.request("GET", bucket, key))
    elif command == "url":
        print(store.url(bucket, rest[0]))
    else:
        sys.exit(f"unknown command {command}")


if __name__ == "__main__":
    main()

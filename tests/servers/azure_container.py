#!/usr/bin/env python3
"""Makes a container on an Azurite server.

    azure_container.py ENDPOINT CONTAINER
"""
import base64
import email.utils
import hashlib
import hmac
import http.client
import sys
import urllib.parse

ACCOUNT = "devstoreaccount1"
# The key that every Azurite has, as its documentation says.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def main():
    endpoint, container = sys.argv[1:]
    date = email.utils.formatdate(usegmt=True)
    path = f"/{ACCOUNT}/{container}"
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
    named = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    # Of the twelve lines before the headers all but the method are empty.
    text = "PUT" + "\n" * 12 + named + f"/{ACCOUNT}{path}\nrestype:container"
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    headers["Content-Length"] = "0"
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(endpoint).netloc, timeout=60)
    connection.request("PUT", path + "?restype=container", headers=headers)
    response = connection.getresponse()
    body = response.read()
    if response.status != 201:
        sys.exit(f"cannot make the container: HTTP {response.status} {body!r}")


if __name__ == "__main__":
    main()

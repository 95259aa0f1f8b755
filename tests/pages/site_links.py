"""Checks that every link of a site leads to a file of it, and to an anchor there.

    site_links.py DIRECTORY
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors and the local links of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.add(value)


def main(root: Path) -> None:
    # Doxygen checks what it writes itself; a link to it is checked here.
    pages = {path: Page(path) for path in sorted(root.rglob("*.html"))}
    own = [path for path in pages if path.relative_to(root).parts[0] != "reference" and path.name not in ("toc.html", "404.html")]
    broken, count = [], 0
    for path in own:
        for link in sorted(pages[path].links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                broken.append(f"{path.relative_to(root)}: {link}: there is no {target}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                broken.append(f"{path.relative_to(root)}: {link}: no such anchor")
    if broken or count < 200:
        sys.exit("\n".join(broken) or f"only {count} links were found")
    print(f"{len(own)} pages, {count} links: each leads somewhere")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

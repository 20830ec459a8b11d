"""The links of a built site: those that lead nowhere, to what is loaded, and out of it."""

import re
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

OUTSIDE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//", re.I)
LOADING = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
    "link": "href",
}
PATIENCE = 20  # seconds for an address to answer


class Page(HTMLParser):
    "What can be linked to in a page, what it links to and what it loads."

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if tag in LOADING and attributes.get(LOADING[tag]):
            self.loaded.append(attributes[LOADING[tag]])


def read(site: Path) -> dict[str, Page]:
    "Every page of a site by its address from the root; templates among a theme's files are none."
    found = {path.relative_to(site).as_posix(): path for path in sorted(site.rglob("*.html"))}
    return {place: Page(path) for place, path in found.items() if not place.startswith("_static/")}


def is_outside(address: str) -> bool:
    "Whether an address leaves the site."
    return bool(OUTSIDE.match(address)) or address.startswith(("mailto:", "data:", "javascript:"))


def problem(site: Path, pages: dict, here: str, link: str) -> str:
    "What is wrong with a link inside the site; nothing if it leads somewhere."
    address, anchor = urldefrag(urljoin(f"/{here}", link))
    path = unquote(address.split("?")[0]).lstrip("/") or "index.html"
    if path.endswith("/"):
        path += "index.html"
    if not (site / path).is_file():
        return f"{here}: there is no {path}"
    if anchor and path in pages and unquote(anchor) not in pages[path].anchors:
        return f"{here}: {path} has no place #{anchor}"
    return ""


def broken(site: Path, pages: dict) -> list[str]:
    "The links and resources inside the site that lead nowhere."
    inside = [
        (here, link)
        for here, page in pages.items()
        for link in (*page.links, *page.loaded)
        if not is_outside(link)
    ]
    return sorted({said for here, link in inside if (said := problem(site, pages, here, link))})


def loaded_from_elsewhere(site: Path, pages: dict) -> list[str]:
    "What a browser would fetch from another host to show the site."
    found = [
        f"{here}: {address}"
        for here, page in pages.items()
        for address in page.loaded
        if OUTSIDE.match(address)
    ]
    for path in sorted(site.rglob("*.css")):
        text = path.read_text(encoding="utf-8")
        found += [
            f"{path.relative_to(site)}: {address}"
            for address in re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", text)
        ]
    return found


def external(pages: dict) -> dict[str, list[str]]:
    "The addresses outside the site that are linked to, with the pages that do."
    found = {}
    for here, page in pages.items():
        for link in page.links:
            if OUTSIDE.match(link):
                found.setdefault(urldefrag(link)[0], set()).add(here)
    return {address: sorted(found[address]) for address in sorted(found)}


def answer(address: str) -> str:
    "What an address answers: a status, or why there is none."
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (link check)"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return str(response.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def answers(addresses) -> dict[str, str]:
    "What each address answers, several asked at a time."
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(addresses, pool.map(answer, addresses)))

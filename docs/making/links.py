"""A hook of the site: a page may link to a file outside docs/, such as a record; the file is then taken along into the site.

So one relative link works on a code host, in an editor and in the site. A page that is taken along may link on. A link to a
folder leads to its README, or else to a list of its files. A picture that has a twin for dark pages is shown as the page is.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PICTURE = re.compile(r"!\[(?P<words>[^\]]*)\]\((?P<path>[^)\s]+)\.svg\)")
LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?=(?:#[^)\s]*)?\))")


def on_files(files: Any, config: Any) -> Any:
    """Adds what pages link to outside docs/."""
    from mkdocs.structure.files import File, InclusionLevel

    docs, root = _folders(config)
    waiting = [docs / file.src_uri for file in files.documentation_pages()]
    seen: set[Path] = set()
    while waiting:
        page = waiting.pop()
        for target in outside(page.read_text(encoding="utf-8"), page.parent, docs, root):
            if target in seen:
                continue
            seen.add(target)
            address = address_of(target, docs, root)
            if target.is_dir() and not (target / "README.md").exists():
                list_of_files = File.generated(config, address, content=listing(target))
                list_of_files.inclusion = InclusionLevel.NOT_IN_NAV
                files.append(list_of_files)
                waiting_files = [file for file in sorted(target.iterdir()) if file.is_file()]
            else:
                waiting_files = [target / "README.md" if target.is_dir() else target]
            for file in waiting_files:
                name = address_of(file, docs, root)
                if files.get_file_from_path(name) is None:
                    taken = File.generated(config, name, abs_src_path=str(file))
                    taken.inclusion = InclusionLevel.NOT_IN_NAV
                    files.append(taken)
                    if file.suffix == ".md":
                        waiting.append(file)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turns links that lead out of docs/ into links within the site."""
    docs, root = _folders(config)
    within = docs / page.file.src_uri
    source = within if within.exists() else root / page.file.src_uri
    if source != within:  # who searches wants the pages of docs/ first
        page.meta.setdefault("search", {"boost": 0.2})
    return in_both_schemes(rewritten(markdown, source, docs, root), docs / page.file.src_uri)


def rewritten(markdown: str, source: Path, docs: Path, root: Path) -> str:
    """The text of the page ``source``, with links as the site needs them."""
    here = posixpath.dirname(address_of(source, docs, root))

    def replace(match: re.Match[str]) -> str:
        target = (source.parent / match["path"]).resolve()
        if not target.exists() or not target.is_relative_to(root):
            return match["path"]
        return posixpath.relpath(address_of(target, docs, root), here)

    return LINK.sub(replace, markdown)


def in_both_schemes(markdown: str, source: Path) -> str:
    """Where a picture has a twin for dark pages (``-dark.svg``), shows the one that fits; the site's style chooses."""

    def replace(match: re.Match[str]) -> str:
        words, path = match["words"], match["path"]
        if not (source.parent / f"{path}-dark.svg").exists():
            return match[0]
        return f"![{words}]({path}.svg#only-light)\n![{words}]({path}-dark.svg#only-dark)"

    return PICTURE.sub(replace, markdown)


def outside(text: str, folder: Path, docs: Path, root: Path) -> Iterator[Path]:
    """What a page in ``folder`` links to in the repository, but not in docs/."""
    for match in LINK.finditer(text):
        target = (folder / match["path"]).resolve()
        if target.exists() and target.is_relative_to(root) and not target.is_relative_to(docs):
            yield target


def address_of(target: Path, docs: Path, root: Path) -> str:
    """Where a file or folder stands in the site: docs/ and the repository lie over each other.

    The repository's own README would take the place of the first page, and leads to that instead.
    """
    if target == root / "README.md":
        return "index.md"
    relative = target.relative_to(docs if target.is_relative_to(docs) else root).as_posix()
    if not target.is_dir():
        return relative
    return f"{relative}/README.md" if (target / "README.md").exists() else f"{relative}/index.md"


def listing(folder: Path) -> str:
    """A page that lists the files of a folder."""
    names = [file.name for file in sorted(folder.iterdir()) if file.is_file()]
    return "\n".join([f"# {folder.parent.name}: {folder.name}", "", *(f"* [{name}]({name})" for name in names), ""])


def _folders(config: Any) -> tuple[Path, Path]:
    return Path(config.docs_dir).resolve(), Path(config.config_file_path).resolve().parent

#!/usr/bin/python3
"""The documentation as pages that a browser opens from disk: every Markdown file of docs/ and of the generated
reference, with one list of pages beside each.

    html_pages.py SOURCE_DIR REFERENCE_DIR OUT_DIR

Knows what these pages use of Markdown: titles, paragraphs, lists, tables, code, links, emphasis. A link to a page or a
heading that is not there fails, with its place. Links to other files of the source stay text. Nothing is loaded."""
import html
import os
import re
import sys

STYLE = """
:root { color-scheme: light dark; --line: #8884; --faint: #8881; }
body { display: flex; margin: 0; font: 16px/1.55 system-ui, sans-serif; }
nav { flex: 0 0 16rem; height: 100vh; position: sticky; top: 0; overflow: auto; box-sizing: border-box; padding: 1rem;
      border-right: 1px solid var(--line); font-size: 14px; }
nav a { display: block; padding: .1rem 0; text-decoration: none; } nav b { display: block; margin-top: .8rem; }
nav .here { font-weight: bold; }
.contents a { display: inline-block; min-width: 15rem; }
main { flex: 1; min-width: 0; max-width: 60rem; padding: 1rem 2.5rem 4rem; }
pre { background: var(--faint); padding: .7rem 1rem; overflow: auto; } code { font: 14px/1.45 ui-monospace, monospace; }
table { border-collapse: collapse; display: block; overflow: auto; } td, th { border: 1px solid var(--line);
  padding: .25rem .6rem; text-align: left; vertical-align: top; }
"""
GROUPS = (("", "Guide"), ("tools/", "Programs"), ("reference/", "Reference"), ("spec/", "Mathematics"),
          ("rationale/", "Why"), ("results/", "Results"))


def slug(title):
    """The anchor of a heading, as repository viewers make it."""
    return re.sub(r"[^\w -]", "", re.sub(r"[`*]", "", title).lower()).strip().replace(" ", "-")


class Page:

    def __init__(self, name, text):
        self.name, self.lines = name, text.splitlines()
        stem = os.path.splitext(os.path.basename(name))[0]
        self.title = next((line[2:] for line in self.lines if line.startswith("# ")),
                          stem.replace("-", " ").capitalize())
        self.anchors = {slug(line.lstrip("#")) for line in self.lines if re.match(r"#{1,6} ", line)}


class Writer:
    """One page as HTML; `pages` by name, for links."""

    def __init__(self, page, pages, source):
        self.page, self.pages, self.source = page, pages, source
        self.out, self.problems = [], []

    def link(self, text, target, number):
        if re.match(r"\w+:", target):
            return f'<a href="{html.escape(target)}">{text}</a>'
        path, _, anchor = target.partition("#")
        name = os.path.normpath(os.path.join(os.path.dirname(self.page.name), path)) if path else self.page.name
        if os.path.exists(os.path.join(self.source, "docs", name)) and name not in self.pages:
            return text
        if name not in self.pages:
            self.problems.append(f"{self.page.name}:{number}: expected a page, found a link to {target}")
        elif anchor and anchor not in self.pages[name].anchors:
            self.problems.append(f"{self.page.name}:{number}: expected a heading of {name}, found #{anchor}")
        there = os.path.relpath(name, os.path.dirname(self.page.name) or ".").removesuffix(".md") + ".html"
        return f'<a href="{there}{"#" + anchor if anchor else ""}">{text}</a>'

    def inline(self, text, number):
        codes = []

        def keep(match):
            codes.append(f"<code>{html.escape(match[2].strip(), quote=False)}</code>")
            return f"\0{len(codes) - 1}\0"

        text = re.sub(r"(`+)(.+?)\1", keep, text)
        text = html.escape(text, quote=False)
        text = re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", lambda m: self.link(m[1], html.unescape(m[2]), number), text)
        text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
        text = re.sub(r"(?<!\w)_(\w[^_]*)_(?!\w)", r"<i>\1</i>", text)
        text = text.replace("\\|", "|")
        return re.sub(r"\0(\d+)\0", lambda m: codes[int(m[1])].replace("\\|", "|"), text)

    def write(self):
        lines, i = self.page.lines, 0
        while i < len(lines):
            line = lines[i]
            if not line.strip() or re.fullmatch(r"<!--.*-->", line.strip()):
                i += 1
            elif line.strip() == "[TOC]":
                self.contents()
                i += 1
            elif fence := re.match(r"(\s*)(```+)", line):
                end = next((n for n in range(i + 1, len(lines)) if lines[n].strip() == fence[2]), len(lines))
                cut = len(fence[1])
                self.code([text[cut:] if not text[:cut].strip() else text for text in lines[i + 1:end]])
                i = end + 1
            elif heading := re.match(r"(#{1,6}) +(.*?) *#*$", line):
                level = len(heading[1])
                self.out.append(f'<h{level} id="{slug(heading[2])}">{self.inline(heading[2], i + 1)}</h{level}>')
                i += 1
            elif line.startswith("|"):
                i = self.table(i)
            elif re.match(r"(\s*)([*-]|\d+\.) ", line):
                i = self.list(i)
            elif line.startswith("    "):
                end = i
                while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                    end += 1
                self.code([text[4:] for text in lines[i:end]])
                i = end
            else:
                end = i + 1
                while end < len(lines) and lines[end].strip() and not re.match(r"\||#|```|    ?[*-] |[*-] ", lines[end]):
                    end += 1
                self.out.append(f"<p>{self.inline(' '.join(lines[i:end]), i + 1)}</p>")
                i = end
        return "\n".join(self.out)

    def contents(self):
        """Links to the headings of the third level, which are the ops of a dialect, by their first words."""
        links = []
        for line in self.page.lines:
            if heading := re.match(r"### +(`[^`]+`|[^(]+)", line):
                links.append(f'<a href="#{slug(line.lstrip("#"))}">{self.inline(heading[1].strip(), 0)}</a>')
        self.out.append('<p class="contents">' + " ".join(links) + "</p>")

    def code(self, lines):
        self.out.append("<pre><code>" + html.escape("\n".join(lines).strip("\n"), quote=False) + "</code></pre>")

    def table(self, i):
        rows = []
        while i < len(self.page.lines) and self.page.lines[i].startswith("|"):
            cells = re.split(r"(?<!\\)\|", self.page.lines[i].strip())[1:-1]
            if not all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in cells):
                tag = "td" if rows else "th"
                rows.append("<tr>" + "".join(f"<{tag}>{self.inline(cell.strip(), i + 1)}</{tag}>" for cell in cells) +
                            "</tr>")
            i += 1
        self.out.append("<table>" + "\n".join(rows) + "</table>")
        return i

    def list(self, i):
        """Items at one indentation; what is indented deeper belongs to the item before it."""
        mark = re.compile(r"(\s*)([*-]|\d+\.) +(.*)")
        indent = len(mark.match(self.page.lines[i])[1])
        tag = "ol" if self.page.lines[i].lstrip()[0].isdigit() else "ul"
        items = []
        while i < len(self.page.lines):
            item = mark.match(self.page.lines[i])
            if not item or len(item[1]) != indent:
                break
            text, number = [item[3]], i + 1
            i += 1
            inner = ""
            while i < len(self.page.lines):
                deeper = mark.match(self.page.lines[i])
                if deeper and len(deeper[1]) > indent:
                    inside = Writer(self.page, self.pages, self.source)
                    i = inside.list(i)
                    inner += "".join(inside.out)
                    self.problems += inside.problems
                elif not deeper and self.page.lines[i].startswith(" " * (indent + 1)):
                    text.append(self.page.lines[i].strip())
                    i += 1
                else:
                    break
            items.append(f"<li>{self.inline(' '.join(text), number)}{inner}</li>")
        self.out.append(f"<{tag}>" + "\n".join(items) + f"</{tag}>")
        return i


def find_pages(source, reference):
    pages = {}
    for root, prefix in ((os.path.join(source, "docs"), ""), (reference, "reference/")):
        for folder, _, names in os.walk(root):
            for name in sorted(names):
                if name.endswith(".md"):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as file:
                        page = Page(prefix + os.path.relpath(path, root), file.read())
                    pages[page.name] = page
    return pages


def group_of(name):
    return os.path.dirname(name) + "/" if os.path.dirname(name) else ""


def menu(page, pages):
    parts = []
    for prefix, title in GROUPS:
        inside = sorted((other for other in pages.values() if group_of(other.name) == prefix),
                        key=lambda other: (other.name != "index.md", other.title.lower()))
        links = []
        for other in inside:
            there = os.path.relpath(other.name, os.path.dirname(page.name) or ".").removesuffix(".md") + ".html"
            here = ' class="here"' if other is page else ""
            links.append(f'<a href="{there}"{here}>{html.escape(re.sub("[`*]", "", other.title), quote=False)}</a>')
        if links:
            parts.append(f"<b>{title}</b>" + "".join(links))
    return "".join(parts)


def main():
    source, reference, out = sys.argv[1:4]
    pages = find_pages(source, reference)
    groups = {prefix for prefix, _ in GROUPS}
    problems = [f"{name}: expected a folder of {sorted(groups)}" for name in pages if group_of(name) not in groups]
    for page in pages.values():
        writer = Writer(page, pages, source)
        body = writer.write()
        if not any(line.startswith("# ") for line in page.lines):
            body = f"<h1>{html.escape(page.title)}</h1>\n{body}"
        problems += writer.problems
        path = os.path.join(out, page.name.removesuffix(".md") + ".html")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(page.title)}'
                       f"</title><style>{STYLE}</style></head><body><nav>{menu(page, pages)}</nav><main>\n{body}\n"
                       "</main></body></html>\n")
    print("\n".join(problems) or f"{len(pages)} pages in {out}; open {os.path.join(out, 'index.html')}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

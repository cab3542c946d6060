#!/usr/bin/env python3
"""Writes what a program of minions is made of, as a release has to say it.

usage: sbom.py TARGET FOLDER [CARGO_OPTION...]
TARGET is a Rust target; CARGO_OPTION the features it is built with. Into FOLDER come
  minions.cdx.json           a bill of materials in CycloneDX 1.5: crates with their checksums, llama.cpp, the runtimes
  THIRD-PARTY-LICENSES.txt   the licence of each, with its text
Only what is inside the program counts: no build scripts, no procedural macros, no tests. It fails if a part has no text of
its licence, or one that asks for more than its text. The bill's time is SOURCE_DATE_EPOCH, and left out without it.
"""

import html
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from datetime import datetime, timezone
from fnmatch import fnmatch
from pathlib import Path

# Crates that come with a text and do not name its licence.
NAMELESS = {"mt19937": "BSD-3-Clause", "rustpython-pylib": "PSF-2.0"}
# What a licence wants said besides its text.
CHANGES = {
    "rustpython-pylib": "minions has a part of these modules, compiled. Changed are random.py (a generator without a seed starts "
    "at 0), logging/__init__.py (it reads no clock), dataclasses.py and annotationlib.py (they load inspect and ast late)."
}
# Texts that packages lack: owners.toml says whose, LICENCE.txt is the text.
SUPPLIED = Path(__file__).resolve().parent.parent / "third-party/licences"
# No licence is shorter. What is shorter says where the text is, and that is elsewhere.
SHORTEST = 500
# They want the source to be offered, or the program to be under them.
ASKS_FOR_MORE = re.compile(r"\b([AL]?GPL|MPL|EPL|EUPL|CDDL|SSPL|BUSL)\b")
LICENCE_FILE = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
# Where rustup puts the texts.
RUST_DOCS = Path("share/doc/rust")


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout.strip()


def linked(metadata):
    """The packages inside the program, by id, each with the ids of those that it links."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    (root,) = (id for id, package in packages.items() if package["name"] == "minions")

    def links(id):
        for dependency in nodes[id]["deps"]:
            is_macro = any("proc-macro" in target["kind"] for target in packages[dependency["pkg"]]["targets"])
            if not is_macro and any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                yield dependency["pkg"]

    found, todo = {}, [root]
    while todo:
        id = todo.pop()
        if id not in found:
            found[id] = sorted(set(links(id)))
            todo += found[id]
    return packages, found, root


def texts(folder):
    """The texts of the licence files in `folder`."""
    files = sorted(path for path in Path(folder).iterdir() if LICENCE_FILE.match(path.name) and path.suffix != ".rs")
    for path in files:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.is_file():
                yield file.read_text("utf-8", errors="replace").strip()


def crates(metadata):
    """The components that are crates, their links, the root's, the folders with their licences, and the files that some name."""
    packages, found, root = linked(metadata)
    with open("Cargo.lock", "rb") as file:
        checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in tomllib.load(file)["package"]}
    components, folders, files = {}, {}, {}
    for id in found:
        package = packages[id]
        name, version = package["name"], package["version"]
        component = {"type": "library", "bom-ref": f"pkg:cargo/{name}@{version}", "name": name, "version": version,
                     "purl": f"pkg:cargo/{name}@{version}"}
        licence = package["license"] or NAMELESS.get(name)
        if licence:
            # The slash is how the registry once wrote OR.
            component["licenses"] = [{"expression": licence.replace("/", " OR ")}]
        if package["authors"]:
            component["author"] = ", ".join(package["authors"])
        if checksums.get((name, version)):
            component["hashes"] = [{"alg": "SHA-256", "content": checksums[name, version]}]
        components[id] = component
        folder = folders[component["bom-ref"]] = Path(package["manifest_path"]).parent
        if package["license_file"]:
            files[component["bom-ref"]] = folder / package["license_file"]
    links = {components[id]["bom-ref"]: [components[to]["bom-ref"] for to in found[id]] for id in found}
    return components.pop(root), list(components.values()), links, folders, files


def beside_crates(target, folders):
    """What is linked and is no crate: (component, the ref of what links it, its texts)."""
    rust = output("rustc", "--version").split()[1]
    root = "root"

    def component(name, version, licence, link, notices):
        ref = f"pkg:generic/{name}@{version}"
        licences = [{"expression": licence}]
        return {"type": "library", "bom-ref": ref, "name": name, "version": version, "licenses": licences}, link, notices

    docs = Path(output("rustc", "--print", "sysroot")) / RUST_DOCS
    library = docs / "COPYRIGHT-library.html"
    own = [html.unescape(re.sub(r"<[^>]*>", "", library.read_text("utf-8"))).strip()] if library.is_file() else []
    yield component("rust-std", rust, "MIT OR Apache-2.0", root, own)
    if target.endswith("-musl"):
        # The one that Rust's target has inside.
        notice = Path("/usr/share/doc/musl/copyright")
        own = [notice.read_text("utf-8").strip()] if notice.is_file() else []
        yield component("musl", f"of-rust-{rust}", "MIT", root, own)
    page = Path("src/serve/page/vendor")
    for name, version, licence in [("htm", "3.1.1", "Apache-2.0"), ("preact", "of-htm-3.1.1", "MIT")] if page.is_dir() else []:
        yield component(name, version, licence, root, [(page / f"{name}.LICENSE").read_text("utf-8").strip()])
    engine = [ref for ref in folders if ref.startswith("pkg:cargo/llama-cpp-sys-2@")]
    if engine:
        source = folders[engine[0]] / "llama.cpp"
        numbers = re.findall(r"set\(LLAMA_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)\)", (source / "CMakeLists.txt").read_text("utf-8"))
        yield component("llama.cpp", ".".join(numbers), "MIT", engine[0], texts(source))
        gcc = output(os.environ.get("CXX", "c++"), "-dumpfullversion")
        exception = "GPL-3.0-or-later WITH GCC-exception-3.1"
        notice = ["Source: https://gcc.gnu.org. The exception lets programs of any licence be linked with it.",
                  *(path.read_text("utf-8").strip() for path in [docs / "licenses/GCC-exception-3.1.txt"] if path.is_file())]
        for name in ["libgomp", "libstdc++"]:
            yield component(name, gcc, exception, engine[0], notice)


def bill(root, components, links, seconds):
    """The bill of materials."""
    listed = "\n".join(sorted(component["bom-ref"] for component in components))
    metadata = {"component": {**root, "type": "application"}}
    if seconds:
        metadata["timestamp"] = datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        # The same for the same parts, so that a release can be made again.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, root['bom-ref'] + listed)}",
        "version": 1,
        "metadata": metadata,
        "components": sorted(components, key=lambda component: component["bom-ref"]),
        "dependencies": [{"ref": ref, "dependsOn": sorted(set(to))} for ref, to in sorted(links.items())],
    }


def licence_of(component):
    return component["licenses"][0]["expression"] if "licenses" in component else ""


def lacking(component, owners):
    """The text that a component lacks by owners.toml: its owner, and the licence."""
    for pattern, entry in owners.items():
        if fnmatch(component["name"], pattern) and entry["licence"] in re.split(r"[ ()]+", licence_of(component)):
            yield entry["owner"] + "\n\n" + (SUPPLIED / f"{entry['licence']}.txt").read_text("utf-8").strip()


def complete(components, by_ref):
    """Gives each component the texts that it lacks; what is wrong with a component, a line each."""
    owners = tomllib.loads((SUPPLIED / "owners.toml").read_text("utf-8"))
    for component in components:
        name, licence, own = f"{component['name']} {component['version']}", licence_of(component), by_ref[component["bom-ref"]]
        own += lacking(component, owners)
        if not any(len(text) >= SHORTEST for text in own):
            yield (f"{name} comes without the text of its licence ({licence or 'not named'}): "
                   "say whose it is in third-party/licences/owners.toml, or install what has the text.")
        elif not licence:
            yield f"{name} does not name its licence: read its text, and name it in NAMELESS of scripts/sbom.py."
        elif ASKS_FOR_MORE.search(licence) and " OR " not in licence and "exception" not in licence:
            yield f"{name} is under {licence}, which asks for more than its text in a release: take another crate."
        if component["name"] in CHANGES:
            own.append(CHANGES[component["name"]])


def notices(components, by_ref):
    """Each component's licence, and each text once, with those that it is for."""
    lines = ["minions is made of the following. Each line: name, version, licence.", ""]
    owners = {}
    for component in sorted(components, key=lambda component: component["bom-ref"]):
        name = f"{component['name']} {component['version']}"
        lines.append(f"{name}: {licence_of(component)}")
        for text in by_ref[component["bom-ref"]]:
            owners.setdefault(text, []).append(name)
    for text, names in sorted(owners.items(), key=lambda item: item[1]):
        lines += ["", "-" * 100, f"For {', '.join(names)}:", "", text]
    return "\n".join(lines) + "\n"


def main():
    target, folder, *options = sys.argv[1:]
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target, *options]
    root, components, links, folders, files = crates(json.loads(output(*command)))
    by_ref = {ref: list(texts(path)) for ref, path in folders.items()}
    for ref, file in files.items():
        # Beside the manifest it is among the texts already.
        text = file.read_text("utf-8", errors="replace").strip()
        if text not in by_ref[ref]:
            by_ref[ref].append(text)
    for component, link, own in list(beside_crates(target, folders)):
        components.append(component)
        by_ref[component["bom-ref"]] = list(own)
        links.setdefault(root["bom-ref"] if link == "root" else link, []).append(component["bom-ref"])
    third = [component for component in components if not component["name"].startswith("minions-")]
    if problems := list(complete(third, by_ref)):
        sys.exit("\n".join(problems))
    when = os.environ.get("SOURCE_DATE_EPOCH")
    Path(folder, "minions.cdx.json").write_text(json.dumps(bill(root, components, links, when), indent=2) + "\n", "utf-8")
    Path(folder, "THIRD-PARTY-LICENSES.txt").write_text(notices(third, by_ref), "utf-8")


if __name__ == "__main__":
    main()

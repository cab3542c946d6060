//! The files of a crate depend one way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::slice;

use crate::support::rust_source::{Source, parse};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` that end in `.rs`.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    files.chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

/// The module that a file holds, below its crate: `child::source` for `src/child/source/mod.rs`.
fn module(source_folder: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(source_folder).unwrap().with_extension("");
    let mut module: Vec<_> = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if module
        .last()
        .is_some_and(|last| last == "mod" || module.len() == 1 && (last == "lib" || last == "main"))
    {
        module.pop();
    }
    module
}

type Modules = BTreeMap<Vec<String>, Source>;

/// The modules of a crate, but for those of its tests. The program's own modules and its library's count as one crate.
fn modules(source_folder: &Path) -> Modules {
    let mut modules = Modules::new();
    for file in rust_files(source_folder) {
        let source = parse(&std::fs::read_to_string(&file).unwrap());
        modules.entry(module(source_folder, &file)).or_default().add(source);
    }
    let test_only: Vec<_> = modules
        .iter()
        .flat_map(|(module, source)| {
            source.test_modules.iter().map(|name| [&**module, slice::from_ref(name)].concat())
        })
        .collect();
    modules.retain(|module, _| !test_only.iter().any(|test| module.starts_with(test)));
    modules
}

/// The module whose file defines what `path` leads to; re-exports are followed.
fn definition(modules: &Modules, path: &[String], hops: usize) -> Vec<String> {
    let length = (0..=path.len()).rev().find(|&length| modules.contains_key(&path[..length])).unwrap_or(0);
    let (module, rest) = path.split_at(length);
    let Some(exported) = rest.first().and_then(|name| modules[module].exports.get(name)).filter(|_| hops > 0)
    else {
        return module.to_owned();
    };
    definition(modules, &absolute(module, exported), hops - 1)
}

/// A path as it stands in `module`, from the crate's root on.
fn absolute(module: &[String], path: &[String]) -> Vec<String> {
    let mut absolute = module.to_owned();
    for part in path {
        match part.as_str() {
            "crate" => absolute.clear(),
            "super" => drop(absolute.pop()),
            "self" => {}
            _ => absolute.push(part.clone()),
        }
    }
    absolute
}

/// Which modules each one uses. What the module above holds is shared by all in it, so an arrow to it does not count.
fn arrows(modules: &Modules) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let used = |module: &Vec<String>, source: &Source| {
        let all = source.uses.iter().map(|path| definition(modules, &absolute(module, path), 5));
        all.filter(|used| !module.starts_with(used)).collect()
    };
    modules.iter().map(|(module, source)| (module.clone(), used(module, source))).collect()
}

/// The shortest way from a module back to itself.
fn circle(
    arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    start: &Vec<String>,
) -> Option<Vec<Vec<String>>> {
    let mut ways = VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in &arrows[way.last().unwrap()] {
            if next == start {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push_back([&*way, slice::from_ref(next)].concat());
            }
        }
    }
    None
}

#[test]
fn files_of_a_crate_do_not_use_each_other_in_a_circle() {
    let crates = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut circles = BTreeSet::new();
    for folder in crates.chain([root().to_owned()]) {
        let arrows = arrows(&modules(&folder.join("src")));
        for mut circle in arrows.keys().filter_map(|start| circle(&arrows, start)) {
            let first = (0..circle.len()).min_by_key(|&at| &circle[at]).unwrap();
            circle.rotate_left(first);
            let names: Vec<_> = circle.iter().map(|module| module.join("::")).collect();
            let folder = folder.strip_prefix(root()).unwrap().join("src");
            circles.insert(format!("{}: {} -> {}", folder.display(), names.join(" -> "), names[0]));
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

//! The crates of the workspace depend one way.

use std::process::Command;

use serde_json::Value;

/// Each crate of the workspace and those of the workspace that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("minions-documents", &[]),
    ("minions-estimate", &["minions-machine"]),
    ("minions-evaluation", &[]),
    ("minions-ingest", &["minions-documents"]),
    ("minions-confined", &[]),
    ("minions-reader", &["minions-confined", "minions-documents", "minions-ingest"]),
    ("minions-sandbox", &["minions-confined", "minions-documents", "minions-python"]),
    ("minions-python", &[]),
    ("minions-queue", &[]),
    ("minions-chat", &["minions-documents", "minions-machine"]),
    ("minions-machine", &[]),
    ("minions-llama", &["minions-chat", "minions-estimate", "minions-machine"]),
    ("minions-runtimes", &["minions-chat", "minions-machine"]),
    (
        "minions",
        &[
            "minions-chat",
            "minions-documents",
            "minions-estimate",
            "minions-evaluation",
            "minions-llama",
            "minions-machine",
            "minions-queue",
            "minions-reader",
            "minions-runtimes",
            "minions-sandbox",
        ],
    ),
];

#[test]
fn crates_depend_downwards_only() {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ours = |name: &str| ARROWS.iter().find(|(crate_name, _)| *crate_name == name);
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let (_, allowed) = ours(name).unwrap_or_else(|| panic!("{name} is missing in the table of arrows"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            assert!(ours(to).is_none() || allowed.contains(&to), "{name} must not depend on {to}");
        }
    }
}

#[test]
fn the_image_is_built_with_every_crate() {
    let dockerfile = include_str!("../../Dockerfile");
    for (name, _) in ARROWS {
        let Some(folder) = name.strip_prefix("minions-") else { continue };
        let copied = format!("COPY crates/{folder}/Cargo.toml crates/{folder}/\n");
        assert!(dockerfile.contains(&copied), "the Dockerfile copies no manifest of {name}");
    }
}

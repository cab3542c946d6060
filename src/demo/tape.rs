//! The recording's files: what `examples/demo/tape` holds, compiled in.

macro_rules! files {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/tape/", $name))),)*]
    };
}

/// Names and contents.
pub(super) const FILES: &[(&str, &str)] = files![
    "supervisor-0cd9f83b078ec18cdfbd724f6892ecaa.json",
    "supervisor-3361b3cd680bc8a83b79abc573f52f76.json",
    "window-6bec261b20aa385748ad328a776867c0.json",
    "worker-19be2837d2da452657222c9887e138a3.json",
    "worker-1b17d40d8f8eb45e93219647af78caa5.json",
    "worker-32d6ee2ca92ce94bb81e1c5f4972efca.json",
    "worker-3f2c1c221f76985de03c722abfbd0947.json",
    "worker-632768d892ba5d2eeeae6cb6dd0f19a6.json",
    "worker-7988d76b0bd86f6a1c2e9744c20dcfb8.json",
    "worker-7a20a80022d13590f680d422b75708c7.json",
    "worker-88d50656c55fdac8a42352e35a621c13.json",
    "worker-8ef32604ccf7828b0dcccd367ae2ca73.json",
    "worker-a024c3549f9391d38beacd9ddeea3775.json",
    "worker-c93b5dc7c99329fcd2694869d45e0969.json",
    "worker-e21e7672c81f1a210d02756f5c0d78fa.json",
    "worker-fc80ad83b2882a8d3a7b57f52493908e.json",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::FILES;

    #[test]
    fn the_list_has_what_the_folder_has() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo/tape");
        let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        let list: String = names.iter().map(|name| format!("    \"{name}\",\n")).collect();
        assert!(FILES.iter().map(|(name, _)| *name).eq(names), "the list in tape.rs must be:\n{list}");
    }
}

//! The recording's files: what `examples/demo/tape` holds, compiled in.

macro_rules! files {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/tape/", $name))),)*]
    };
}

/// Names and contents. The names are in a file that is written anew with the recording.
pub(super) const FILES: &[(&str, &str)] =
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/tape.list"));

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
        assert!(
            FILES.iter().map(|(name, _)| *name).eq(names),
            "examples/demo/README.md says how to renew tape.list"
        );
    }
}

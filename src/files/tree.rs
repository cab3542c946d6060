//! A folder as a text: the tree of its files, and a header as gitingest writes it.

use std::fmt::Write;

/// The tree of a folder called `folder` with the files called `names`, as [`super::folder::Found`] has them.
pub(crate) fn tree(folder: &str, names: &[&str]) -> String {
    let mut tree = format!("Directory structure:\n└── {}/\n", folder.trim_end_matches('/'));
    branch(
        &mut tree,
        &names.iter().map(|name| name.split('/').collect::<Vec<_>>()).collect::<Vec<_>>(),
        0,
        "    ",
    );
    tree
}

/// Writes the part of the tree below a folder `depth` deep. The files of one folder stand beside each other.
fn branch(tree: &mut String, paths: &[Vec<&str>], depth: usize, indent: &str) {
    let groups: Vec<_> = paths.chunk_by(|one, other| one.get(depth) == other.get(depth)).collect();
    for (index, group) in groups.iter().enumerate() {
        let Some(name) = group[0].get(depth) else { continue };
        let is_last = index + 1 == groups.len();
        let is_folder = group[0].len() > depth + 1;
        let (twig, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let _ = writeln!(tree, "{indent}{twig}{name}{}", if is_folder { "/" } else { "" });
        if is_folder {
            branch(tree, group, depth + 1, &format!("{indent}{below}"));
        }
    }
}

/// What gitingest writes before the tree: the folder's name, how many files were taken, and about how many tokens
/// the whole has.
pub(crate) fn header(folder: &str, files: usize, tokens: u64) -> String {
    let estimate = match tokens {
        1_000_000.. => format!("{:.1}M", tokens as f64 / 1e6),
        1_000.. => format!("{:.1}k", tokens as f64 / 1e3),
        _ => tokens.to_string(),
    };
    format!(
        "Directory: {}\nFiles analyzed: {files}\n\nEstimated tokens: {estimate}\n",
        folder.trim_end_matches('/')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_drawn_as_a_tree() {
        let names = ["README.md", "a.rs", "lib/b.rs", "lib/deep/c.rs", "lib/deep/d.rs", "z/e.rs"];
        let expected = "Directory structure:\n\
            └── src/\n    ├── README.md\n    ├── a.rs\n    ├── lib/\n    │   ├── b.rs\n    │   └── deep/\n    \
            │       ├── c.rs\n    │       └── d.rs\n    └── z/\n        └── e.rs\n";
        assert_eq!(tree("src/", &names), expected);
        assert_eq!(tree("empty", &[]), "Directory structure:\n└── empty/\n");
    }

    #[test]
    fn the_header_is_that_of_gitingest() {
        assert_eq!(header("src/", 3, 1234), "Directory: src\nFiles analyzed: 3\n\nEstimated tokens: 1.2k\n");
        for (tokens, estimate) in [(999, "999"), (1000, "1.0k"), (2_500_000, "2.5M")] {
            assert!(header("a", 1, tokens).ends_with(&format!("tokens: {estimate}\n")));
        }
    }
}

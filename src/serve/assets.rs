//! The files of the page, inside the program.

use std::fmt::Write as _;
use std::sync::LazyLock;

use ring::digest::{SHA256, digest};

/// A file of the page.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its name below `/assets/`.
    pub name: &'static str,
    /// For the header Content-Type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    /// For the header `ETag`: stands for the content.
    pub etag: String,
}

/// The page itself, which is served as `/`.
pub(crate) const INDEX: &str = "index.html";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! files {
    ($($name:literal $path:literal $kind:expr,)*) => {
        &[$(($name, $kind, include_bytes!(concat!("page/", $path)) as &[u8]),)*]
    };
}

/// Name, media type and content of each file.
const FILES: &[(&str, &str, &[u8])] = files![
    "index.html" "index.html" "text/html; charset=utf-8",
    "icon.svg" "icon.svg" "image/svg+xml",
    "base.css" "base.css" STYLE,
    "page.css" "page.css" STYLE,
    "run.css" "run.css" STYLE,
    "api.js" "api.js" SCRIPT,
    "app-state.js" "app-state.js" SCRIPT,
    "app.js" "app.js" SCRIPT,
    "composer.js" "composer.js" SCRIPT,
    "documents.js" "documents.js" SCRIPT,
    "history.js" "history.js" SCRIPT,
    "job.js" "job.js" SCRIPT,
    "lanes.js" "lanes.js" SCRIPT,
    "map.js" "map.js" SCRIPT,
    "markdown.js" "markdown.js" SCRIPT,
    "pair.js" "pair.js" SCRIPT,
    "parts.js" "parts.js" SCRIPT,
    "result.js" "result.js" SCRIPT,
    "run.js" "run.js" SCRIPT,
    "store.js" "store.js" SCRIPT,
    "strip.js" "strip.js" SCRIPT,
    "turn.js" "turn.js" SCRIPT,
    "upload.js" "upload.js" SCRIPT,
    "viewer.js" "viewer.js" SCRIPT,
    "watch.js" "watch.js" SCRIPT,
    "preact-htm.js" "vendor/preact-htm.js" SCRIPT,
    "preact.LICENSE" "vendor/preact.LICENSE" TEXT,
    "htm.LICENSE" "vendor/htm.LICENSE" TEXT,
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|&(name, content_type, bytes)| Asset { name, content_type, bytes, etag: etag(bytes) })
        .collect()
});

/// The file of this name.
pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

fn etag(bytes: &[u8]) -> String {
    let mut etag = String::from('"');
    for byte in &digest(&SHA256, bytes).as_ref()[..12] {
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    etag
}

//! The pictures of a job: paths, URLs and base64 become images for a dialect.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{alphabet, engine::DecodePaddingMode};

use tokio::sync::OnceCell;

use crate::chat::Image;
use crate::chat::{base_url, http};
use crate::error::Failure;
use crate::files;
use crate::sync::beside_runtime;

/// The most bytes of a picture.
const LARGEST: usize = 20 << 20;
/// How long fetching a picture may take.
const FETCH: Duration = Duration::from_secs(60);

/// Base64 with or without padding, as people paste both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The pictures of a job, each read or fetched once.
#[derive(Default)]
pub(super) struct Pictures {
    /// In order, with the URLs of those that are not here.
    named: Vec<Arc<Image>>,
    /// The same, all fetched.
    whole: OnceCell<Vec<Arc<Image>>>,
}

impl Pictures {
    /// Reads the pictures that are here, before anybody is asked. None is fetched.
    ///
    /// # Errors
    /// [`FailureKind::Input`](crate::error::FailureKind::Input), naming the picture and the problem.
    pub(super) async fn read(named: &[String]) -> Result<Self, Failure> {
        let mut images = Vec::new();
        for (position, name) in named.iter().enumerate() {
            let image = one(name.trim()).await.map_err(|failure| placed(position, failure))?;
            images.push(Arc::new(image));
        }
        Ok(Self { named: images, whole: OnceCell::new() })
    }

    /// The pictures in order, for a server that fetches URLs itself or does not (`fetches`).
    ///
    /// # Errors
    /// As [`Self::read`], for those that are fetched here.
    pub(super) async fn for_server(&self, fetches: bool) -> Result<&[Arc<Image>], Failure> {
        if fetches {
            return Ok(&self.named);
        }
        self.whole.get_or_try_init(|| self.fetch()).await.map(Vec::as_slice)
    }

    async fn fetch(&self) -> Result<Vec<Arc<Image>>, Failure> {
        let mut images = Vec::new();
        for (position, image) in self.named.iter().enumerate() {
            images.push(match &**image {
                Image::Url(url) => {
                    let fetched = fetched(url).await.and_then(|bytes| data(&bytes));
                    Arc::new(fetched.map_err(|problem| placed(position, Failure::input(problem)))?)
                }
                Image::Data { .. } => Arc::clone(image),
            });
        }
        Ok(images)
    }
}

fn placed(position: usize, failure: Failure) -> Failure {
    Failure { message: format!("`call_params.images[{position}]` {}", failure.message), ..failure }
}

async fn one(name: &str) -> Result<Image, Failure> {
    if name.starts_with("http://") || name.starts_with("https://") {
        return Ok(Image::Url(name.to_owned()));
    }
    let name = name.to_owned();
    beside_runtime(move || {
        here(&name).map_err(|problem| {
            let failure = Failure::input(problem);
            match remedy(&name) {
                Some(remedy) => failure.hint(remedy),
                None => failure,
            }
        })
    })
    .await
}

/// The picture that is in `name` itself, or in the file of that name.
fn here(name: &str) -> Result<Image, String> {
    if let Some((_, base64)) = name.strip_prefix("data:").and_then(|data| data.split_once(";base64,")) {
        return data(&decoded(base64).ok_or("is a data URL whose base64 is broken")?);
    }
    let path = Path::new(name);
    if is_short(name) && path.exists() && !path.is_dir() {
        return data(&files::read(path, LARGEST)?);
    }
    match decoded(name).filter(|bytes| media_type(bytes).is_some()) {
        Some(bytes) => data(&bytes),
        None if is_short(name) && path.is_dir() => Err("is a folder, not a picture".to_owned()),
        None => Err("is no file here, no URL, and no picture in base64".to_owned()),
    }
}

/// A picture in base64 may be longer than any path that the system takes.
fn is_short(name: &str) -> bool {
    name.len() < 4096
}

/// What to do about a picture that is none, as far as its name says.
fn remedy(name: &str) -> Option<String> {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    let hint = match ending.as_deref() {
        _ if !is_short(name) || name.starts_with("data:") || name.starts_with("http") => return None,
        _ if name.starts_with("file:") => "write the path alone, without file://",
        _ if name.starts_with("~/") => "no shell reads a job: write the whole path instead of ~",
        Some("pdf") => "make a picture of each page, `pdftoppm -png scan.pdf page`, and name those",
        Some("heic" | "tif" | "tiff" | "bmp" | "svg" | "avif" | "ico") => {
            "make a PNG file of it, for example with ImageMagick: `magick scan.tiff scan.png`"
        }
        _ if Path::new(name).is_dir() => "name each picture in it",
        _ if Path::new(name).is_file() => "name a PNG, JPEG, GIF or WebP file",
        _ => "a path counts from the folder in which minions was started",
    };
    Some(hint.to_owned())
}

fn decoded(base64: &str) -> Option<Vec<u8>> {
    let bare: String = base64.chars().filter(|c| !c.is_whitespace()).collect();
    BASE64.decode(bare).ok()
}

fn data(bytes: &[u8]) -> Result<Image, String> {
    if bytes.len() > LARGEST {
        return Err(format!("has {} bytes; at most {LARGEST} are sent", bytes.len()));
    }
    let media_type = media_type(bytes).ok_or("is no PNG, JPEG, GIF or WebP")?;
    Ok(Image::Data { media_type, base64: BASE64.encode(bytes) })
}

/// The media type by the first bytes, as names and servers may be wrong.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

fn client(url: &str) -> Result<reqwest::Client, String> {
    http::client(url).map_err(|none| {
        [Some(none.problem), none.remedy].into_iter().flatten().collect::<Vec<_>>().join(". ")
    })
}

async fn fetched(url: &str) -> Result<Vec<u8>, String> {
    let fetch = async {
        let mut response = client(url)?.get(url).send().await.map_err(|error| http::cause(&error))?;
        if !response.status().is_success() {
            return Err(format!("the server answered {}", response.status()));
        }
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| http::cause(&error))? {
            bytes.extend_from_slice(&part);
            if bytes.len() > LARGEST {
                return Err(format!("it has more than {LARGEST} bytes"));
            }
        }
        Ok(bytes)
    };
    let bytes = tokio::time::timeout(FETCH, fetch).await;
    let bytes = bytes.unwrap_or_else(|_| Err(format!("it took longer than {} s", FETCH.as_secs())));
    bytes.map_err(|problem| format!("can't be fetched from {}: {problem}", base_url::shown(url)))
}

//! Bodies of answers, which are never read without a limit.

use reqwest::Response;

/// Why a body could not be read.
#[derive(Debug)]
pub enum BodyError {
    /// The connection failed.
    Lost(reqwest::Error),
    /// The body is longer than this many bytes.
    TooLong(usize),
}

impl BodyError {
    /// The error as the end of a sentence that begins with the server's name.
    pub fn words(&self) -> String {
        match self {
            Self::Lost(error) => format!(": {}", crate::http::cause(error)),
            Self::TooLong(most) => format!(" sent an answer of over {} MiB", most >> 20),
        }
    }
}

/// The whole body, of at most `most` bytes.
///
/// # Errors
/// A lost connection, or a longer body, which is not read to its end.
pub async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Lost)? {
        if body.len() + chunk.len() > most {
            return Err(BodyError::TooLong(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

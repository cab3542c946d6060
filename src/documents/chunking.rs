//! Chunkers for prose: by size, by page, by paragraph.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// Default size of a section, in characters.
pub const SECTION_SIZE: usize = 3000;
/// Default overlap of sections, in characters.
pub const SECTION_OVERLAP: usize = 20;
/// Default size of a chunk of paragraphs, in characters.
pub const PARAGRAPH_SIZE: usize = 1500;

/// An argument that no chunker can work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A size of zero.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// The sections would not advance.
    #[error("overlap ({overlap}) must be smaller than max_chunk_size ({size})")]
    Overlap {
        /// As asked.
        overlap: usize,
        /// As asked.
        size: usize,
    },
    /// A page marker is no regular expression.
    #[error("page_markers: {0}")]
    Marker(String),
}

/// Windows of `size` characters, each starting `size - overlap` after the one before; the last may be short.
pub fn chunk_by_section(doc: &str, size: usize, overlap: usize) -> Result<Vec<&str>, ChunkError> {
    if size == 0 {
        return Err(ChunkError::Zero("max_chunk_size"));
    }
    if overlap >= size {
        return Err(ChunkError::Overlap { overlap, size });
    }
    let mut sections = Vec::new();
    let mut rest = doc;
    while !rest.is_empty() {
        let next = byte_of(rest, size - overlap);
        let end = next + byte_of(&rest[next..], overlap);
        sections.push(&rest[..end]);
        rest = &rest[next..];
    }
    Ok(sections)
}

/// The byte at which the character with this index starts, or the end.
fn byte_of(text: &str, index: usize) -> usize {
    match text.as_bytes().get(..index) {
        Some(prefix) if prefix.is_ascii() => index,
        _ => text.char_indices().nth(index).map_or(text.len(), |(byte, _)| byte),
    }
}

/// What separates pages: a form feed, or a line that holds nothing but a page's label.
static PAGE_BREAK: LazyLock<Regex> = LazyLock::new(|| {
    let break_lines = r"
          \f                                        # form feed
        | ^ page \s+ \d+ (?: \s+ of \s+ \d+ )? \s* $  # Page 3, Page 3 of 9
        | ^ [\s_()-]* \d+ [\s_()-]* $               # 3, - 3 -, (3)
        | ^ [-=\#]{3,} .* page .* [-=\#]{3,} \s* $  # --- page ---
        | ^ \s* [\[<(] \s* page (?: \s+ \d+ )? \s* [\])>] \s* $  # [page 3], <page>
    ";
    RegexBuilder::new(break_lines)
        .ignore_whitespace(true)
        .case_insensitive(true)
        .multi_line(true)
        .build()
        .expect("a fixed pattern")
});

/// The text between page breaks, without the breaks and without pages of white space. `markers` are regular
/// expressions that take the place of the usual page breaks.
pub fn chunk_by_page<'a>(doc: &'a str, markers: Option<&[String]>) -> Result<Vec<&'a str>, ChunkError> {
    let custom;
    let breaks = match markers {
        None => &*PAGE_BREAK,
        Some(markers) => {
            custom = RegexBuilder::new(&markers.join("|"))
                .case_insensitive(true)
                .multi_line(true)
                .build()
                .map_err(|error| ChunkError::Marker(error.to_string()))?;
            &custom
        }
    };
    let pages: Vec<_> = breaks.split(doc).filter(|page| !page.trim().is_empty()).collect();
    Ok(if pages.is_empty() && !doc.is_empty() { vec![doc] } else { pages })
}

static BLANK_LINES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\n\s*\n").expect("a fixed pattern"));
static SENTENCE_END: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[.!?]\s+").expect("a fixed pattern"));

/// Paragraphs (separated by blank lines, trimmed) packed into chunks of at most `size` characters, a blank line
/// between them. A longer paragraph is cut into sentences, and a longer sentence wherever the size falls.
/// With `overlap` a chunk starts with that many sentences of the one before, which may take it over the size.
pub fn chunk_by_paragraph(doc: &str, size: usize, overlap: usize) -> Result<Vec<String>, ChunkError> {
    if size == 0 {
        return Err(ChunkError::Zero("max_chunk_size"));
    }
    let mut chunks = Vec::new();
    let mut pack = Pack::new("\n\n");
    for paragraph in BLANK_LINES.split(doc).map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let length = paragraph.chars().count();
        if length > size {
            chunks.extend(pack.take());
            chunk_by_sentence(paragraph, size, overlap, &mut chunks);
            continue;
        }
        if !pack.fits(length, size) {
            let kept = pack.parts.last().map(|last| last_of(&sentences(last), overlap).join(" "));
            chunks.extend(pack.take());
            kept.filter(|kept| !kept.is_empty()).into_iter().for_each(|kept| pack.push(kept));
        }
        pack.push(paragraph.to_owned());
    }
    chunks.extend(pack.take());
    Ok(chunks)
}

fn chunk_by_sentence(paragraph: &str, size: usize, overlap: usize, chunks: &mut Vec<String>) {
    let mut pack = Pack::new(" ");
    for sentence in sentences(paragraph) {
        let length = sentence.chars().count();
        if length > size {
            chunks.extend(pack.take());
            let pieces = chunk_by_section(sentence, size, 0).unwrap_or_default();
            chunks.extend(pieces.into_iter().map(str::to_owned));
            continue;
        }
        if !pack.fits(length, size) {
            let kept = last_of(&pack.parts, overlap).to_vec();
            chunks.extend(pack.take());
            kept.into_iter().for_each(|sentence| pack.push(sentence));
        }
        pack.push(sentence.to_owned());
    }
    chunks.extend(pack.take());
}

/// A sentence ends with a mark that white space follows.
fn sentences(paragraph: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for end in SENTENCE_END.find_iter(paragraph) {
        // The mark is one byte and belongs to the sentence.
        sentences.push(&paragraph[start..=end.start()]);
        start = end.end();
    }
    sentences.push(&paragraph[start..]);
    sentences
}

fn last_of<T>(list: &[T], count: usize) -> &[T] {
    &list[list.len().saturating_sub(count)..]
}

/// A chunk being put together.
struct Pack {
    parts: Vec<String>,
    length: usize,
    separator: &'static str,
}

impl Pack {
    fn new(separator: &'static str) -> Self {
        Self { parts: Vec::new(), length: 0, separator }
    }

    fn fits(&self, length: usize, size: usize) -> bool {
        self.parts.is_empty() || self.length + self.separator.len() + length <= size
    }

    fn push(&mut self, part: String) {
        self.length += part.chars().count() + if self.parts.is_empty() { 0 } else { self.separator.len() };
        self.parts.push(part);
    }

    fn take(&mut self) -> Option<String> {
        self.length = 0;
        let parts = std::mem::take(&mut self.parts);
        (!parts.is_empty()).then(|| parts.join(self.separator))
    }
}

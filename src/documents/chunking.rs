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

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that trip a cutter by bytes, by lines or by sentences.
    const ODD: &[&str] = &[
        "",
        " ",
        "\n\n\n",
        "one line",
        "é",
        "a\u{301}e\u{308}",
        "👩\u{200D}👩 and 👍🏽",
        "first\r\n\r\nsecond. Third!\r\n",
        "no final newline\nat all",
        "Page 1\ntext\nPAGE 2 of 9\n\nmore\n- 3 -\nend\u{c}new",
    ];

    #[test]
    fn sections_overlap_and_cover() {
        assert_eq!(chunk_by_section("abcdefg", 3, 1).unwrap(), ["abc", "cde", "efg", "g"]);
        assert_eq!(chunk_by_section("abcdef", 3, 0).unwrap(), ["abc", "def"]);
        assert_eq!(chunk_by_section("aé👩b", 2, 1).unwrap(), ["aé", "é👩", "👩b", "b"]);
        assert_eq!(chunk_by_section("abc", usize::MAX, 0).unwrap(), ["abc"]);
        assert_eq!(chunk_by_section("", 3000, 20).unwrap(), [""; 0]);
        let chunks =
            |length| chunk_by_section(&"x".repeat(length), SECTION_SIZE, SECTION_OVERLAP).unwrap().len();
        assert_eq!(chunks(76_000), 26);
        let long = "one huge line é ".repeat(10_000);
        for doc in ODD.iter().copied().chain([&*long]) {
            for (size, overlap) in [(1, 0), (2, 1), (7, 3), (3000, 20)] {
                let sections = chunk_by_section(doc, size, overlap).unwrap();
                let heads = sections.iter().flat_map(|section| section.chars().take(size - overlap));
                assert_eq!(heads.collect::<String>(), doc, "{size} {overlap}");
                assert!(sections.iter().all(|section| section.chars().count() <= size));
            }
        }
    }

    #[test]
    fn sections_that_would_not_advance_are_refused() {
        assert_eq!(chunk_by_section("abc", 0, 0), Err(ChunkError::Zero("max_chunk_size")));
        assert_eq!(chunk_by_section("abc", 5, 5), Err(ChunkError::Overlap { overlap: 5, size: 5 }));
        assert_eq!(chunk_by_paragraph("abc", 0, 0), Err(ChunkError::Zero("max_chunk_size")));
    }

    #[test]
    fn pages_end_at_form_feeds_and_labels() {
        let pages = |doc| chunk_by_page(doc, None).unwrap();
        assert_eq!(pages(ODD[9]), ["\ntext\n", "\nmore\n", "\nend", "new"]);
        assert_eq!(
            pages("a\n--- Page ---\nb\n[page 2]\nc\n<PAGE>\nd\n(7)\ne"),
            ["a\n", "\nb\n", "\nc\n", "\nd\n", "\ne"]
        );
        assert_eq!(pages("on page 3 of the book\nsee 12 there"), ["on page 3 of the book\nsee 12 there"]);
        assert_eq!(pages(""), [""; 0]);
        assert_eq!(pages("\u{c}"), ["\u{c}"]);
        assert_eq!(chunk_by_page("aXXbxxc", Some(&["x+".to_owned()])).unwrap(), ["a", "b", "c"]);
        assert!(matches!(chunk_by_page("a", Some(&["(".to_owned()])), Err(ChunkError::Marker(_))));
    }

    #[test]
    fn paragraphs_are_packed_up_to_the_size() {
        let chunks = |doc, size, overlap| chunk_by_paragraph(doc, size, overlap).unwrap();
        assert_eq!(chunks("aa\n\nbb\n \ncc", 6, 0), ["aa\n\nbb", "cc"]);
        assert_eq!(chunks("  aa \r\n\r\n bb  ", 100, 0), ["aa\n\nbb"]);
        assert_eq!(chunks("One. Two!  Three? Four", 10, 0), ["One. Two!", "Three?", "Four"]);
        assert_eq!(chunks("One. Two! Six? Ten.", 10, 1), ["One. Two!", "Two! Six?", "Six? Ten."]);
        assert_eq!(chunks("Aa. Bb.\n\nCc. Dd.", 8, 1), ["Aa. Bb.", "Bb.\n\nCc. Dd."]);
        assert_eq!(chunks("éééééééééé", 4, 0), ["éééé", "éééé", "éé"]);
        assert_eq!(chunks("\n \n", 10, 0), [""; 0]);
        let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let long = "A row without an end 1 2 3 ".repeat(500);
        for doc in ODD.iter().copied().chain([&*long]) {
            for size in [1, 5, 1500] {
                let chunks = chunks(doc, size, 0);
                assert_eq!(visible(&chunks.concat()), visible(doc));
                assert!(chunks.iter().all(|chunk| chunk.chars().count() <= size));
            }
        }
    }
}
